// Numbers over time, fetched a reel of frames at a time and a reel ahead.
const MOST = 24;

export class Reel {
  constructor(address, frames, length, read, ready) {
    Object.assign(this, { address, frames, length, read, ready, held: new Map() });
  }

  // What `read` made of a frame's reel, and the frame's place in it; null until it has come.
  at(frame) {
    const number = Math.floor(frame / this.length);
    const held = this.fetch(number);
    if ((number + 1) * this.length < this.frames) this.fetch(number + 1);
    return held && { ...held, place: frame - number * this.length };
  }

  fetch(number) {
    if (this.held.has(number)) return this.held.get(number);
    if (this.held.size >= MOST) this.held.delete(this.held.keys().next().value);
    this.held.set(number, null);
    const count = Math.min(this.length, this.frames - number * this.length);
    fetch(`${this.address}?reel=${number}`)
      .then((answer) => (answer.ok ? answer.arrayBuffer() : Promise.reject(new Error(answer.statusText))))
      .then((content) => {
        this.held.set(number, this.read(content, count));
        this.ready();
      })
      .catch(() => this.ready());
    return null;
  }
}

const NOWHERE = 65535;

// A place as a share of the picture; NaN where it is not known.
export const share = (value) => (value === NOWHERE ? NaN : (value / (NOWHERE - 1)) * 2 - 0.5);
