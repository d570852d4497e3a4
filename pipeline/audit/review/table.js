// A table of any length: only the rows that are in sight exist. Text is set as text, never as markup.
const ROW_PX = 28;
const SPARE = 8;

export class Table {
  constructor(box, space, columns, open) {
    Object.assign(this, { box, space, columns, open, order: [], rows: new Map() });
    box.addEventListener("scroll", () => this.draw(), { passive: true });
    addEventListener("resize", () => this.draw());
  }

  show(data, order) {
    this.data = data;
    this.order = order;
    for (const row of this.rows.values()) row.remove();
    this.rows.clear();
    this.space.style.height = `${order.length * ROW_PX}px`;
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW_PX) - SPARE);
    const last = Math.min(this.order.length, first + Math.ceil(this.box.clientHeight / ROW_PX) + 2 * SPARE);
    for (const [place, row] of this.rows) {
      if (place < first || place >= last) {
        row.remove();
        this.rows.delete(place);
      }
    }
    for (let place = first; place < last; place++) {
      if (!this.rows.has(place)) this.rows.set(place, this.row(place));
    }
  }

  row(place) {
    const index = this.order[place];
    const row = document.createElement("div");
    row.className = "row";
    row.role = "row";
    row.style.top = `${place * ROW_PX}px`;
    for (const [name, show] of this.columns) {
      const cell = document.createElement("span");
      show(cell, this.data[name][index], index);
      row.append(cell);
    }
    row.addEventListener("click", () => this.open(this.data.clip[index]));
    this.space.append(row);
    return row;
  }
}
