// A table of any length: only the rows in sight exist, and those that leave it are used again.
const ROW_PX = 30;
const SPARE = 10;

export class Table {
  constructor(box, space, columns, open) {
    Object.assign(this, { box, space, columns, open, order: [], rows: new Map(), idle: [], cursor: 0 });
    box.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(box);
    space.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (row) this.open(this.data.clip[this.order[row.place]]);
    });
  }

  show(data, order) {
    this.data = data;
    this.order = order;
    this.cursor = Math.max(0, Math.min(this.cursor, order.length - 1));
    this.box.setAttribute("aria-rowcount", order.length);
    this.space.style.height = `${order.length * ROW_PX}px`;
    // A row in sight stays the same element, so that a click that began on it ends on it.
    for (const [place, row] of [...this.rows]) if (place < order.length) this.set(row, place);
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW_PX) - SPARE);
    const last = Math.min(this.order.length, first + Math.ceil(this.box.clientHeight / ROW_PX) + 2 * SPARE);
    for (const place of [...this.rows.keys()]) if (place < first || place >= last) this.drop(place);
    for (let place = first; place < last; place++) if (!this.rows.has(place)) this.fill(place);
  }

  move(to) {
    this.rows.get(this.cursor)?.classList.remove("cursor");
    this.cursor = Math.max(0, Math.min(to, this.order.length - 1));
    const top = this.cursor * ROW_PX;
    const { scrollTop, clientHeight } = this.box;
    if (top < scrollTop) this.box.scrollTop = top;
    else if (top + ROW_PX > scrollTop + clientHeight) this.box.scrollTop = top + ROW_PX - clientHeight;
    this.draw();
    this.rows.get(this.cursor)?.classList.add("cursor");
  }

  openCursor() {
    if (this.order.length) this.open(this.data.clip[this.order[this.cursor]]);
  }

  drop(place) {
    const row = this.rows.get(place);
    this.rows.delete(place);
    row.remove();
    this.idle.push(row);
  }

  fill(place) {
    const row = this.idle.pop() ?? this.row();
    this.space.append(row);
    this.rows.set(place, row);
    this.set(row, place);
  }

  set(row, place) {
    const index = this.order[place];
    row.place = place;
    row.classList.toggle("cursor", place === this.cursor);
    row.style.transform = `translateY(${place * ROW_PX}px)`;
    row.ariaRowIndex = place + 1;
    this.columns.forEach(([name, show], at) => show(row.children[at], this.data[name][index], index));
  }

  row() {
    const row = document.createElement("div");
    row.className = "row";
    row.role = "row";
    for (const [name] of this.columns) {
      const cell = document.createElement("span");
      cell.role = "cell";
      cell.className = `c-${name}`;
      row.append(cell);
    }
    return row;
  }
}
