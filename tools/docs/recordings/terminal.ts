/** As much of a terminal as our commands use: lines that wrap, a cursor that moves, and what is erased. Colours are left out. */
const controlSequence = String.raw`\u001b\[([?\d;]*)([A-Za-z])`;

export class Terminal {
  readonly #columns: number;
  #lines: string[][] = [[]];
  #row = 0;
  #column = 0;
  #wraps = true;
  /** Where the window begins that the cursor is sent home to. */
  readonly #top: number;

  /** @param before lines that stand above, and stay */
  constructor(columns: number, before: readonly string[] = []) {
    this.#columns = columns;
    this.#lines = [...before.map((line) => [...line]), []];
    this.#row = before.length;
    this.#top = before.length;
  }

  get lines(): string[] {
    return this.#lines.map((line) => line.join('').trimEnd());
  }

  write(text: string): void {
    const parts = new RegExp(`${controlSequence}|[^\\u001b]|\\u001b`, 'gsu');
    for (const [part, parameters, command] of text.matchAll(parts)) {
      if (command === undefined) this.#put(part);
      else this.#control(parameters ?? '', command);
    }
  }

  #put(character: string): void {
    if (character === '\n') this.#row += 1;
    else if (character === '\r') this.#column = 0;
    else if (character >= ' ') this.#print(character);
    while (this.#lines.length <= this.#row) this.#lines.push([]);
  }

  #print(character: string): void {
    if (this.#column >= this.#columns) {
      if (!this.#wraps) return;
      this.#row += 1;
      this.#column = 0;
    }
    this.#lines[this.#row] ??= [];
    const line = this.#lines[this.#row] ?? [];
    while (line.length < this.#column) line.push(' ');
    line[this.#column] = character;
    this.#column += 1;
  }

  #control(parameters: string, command: string): void {
    const count = Number(parameters) || 1;
    switch (command) {
      case 'A':
        this.#row = Math.max(this.#top, this.#row - count);
        break;
      case 'B':
        this.#row += count;
        break;
      case 'C':
        this.#column += count;
        break;
      case 'D':
        this.#column = Math.max(0, this.#column - count);
        break;
      case 'G':
        this.#column = count - 1;
        break;
      case 'H':
        [this.#row, this.#column] = [this.#top, 0];
        break;
      case 'J':
        this.#lines = this.#lines.slice(0, parameters === '2' ? this.#top : this.#row + 1);
        if (parameters !== '2') this.#erase(parameters);
        break;
      case 'K':
        this.#erase(parameters);
        break;
      case 'h':
      case 'l':
        if (parameters === '?7') this.#wraps = command === 'h';
        break;
      default:
      // colours, and what shows nothing
    }
    while (this.#lines.length <= this.#row) this.#lines.push([]);
  }

  #erase(parameters: string): void {
    const line = this.#lines[this.#row] ?? [];
    if (parameters === '2') this.#lines[this.#row] = [];
    else if (parameters === '1') line.fill(' ', 0, this.#column + 1);
    else line.length = Math.min(line.length, this.#column);
  }
}
