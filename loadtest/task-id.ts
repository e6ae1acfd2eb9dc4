/** Ids chosen by the sender: what is sent again under its id is accepted once. */

const hex = (value: number, digits: number) => Math.floor(value).toString(16).padStart(digits, '0');
const random = (digits: number) => hex(Math.random() * 16 ** digits, digits);

/** A UUID of version 7: the time in ms, then 74 random bits. They need not be secret, only different. */
export function newTaskId(): string {
  const time = hex(Date.now(), 12);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random(3)}-${hex(8 + Math.random() * 4, 1)}${random(3)}-${random(12)}`;
}
