import { usageError } from './errors.js';

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const TIME = /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(z|[+-]([01]\d|2[0-3]):[0-5]\d)$/i;

/** Milliseconds since the Unix epoch of `yyyy-MM-dd` (00:00 UTC) or of an RFC 3339 time. */
export function parseInstant(text: string): number {
  const day = text.slice(0, 10);
  const time = text.slice(11);
  const separated = text.length === 10 || /^[Tt ]$/.test(text.slice(10, 11));
  if (!DATE.test(day) || !separated || (text.length > 10 && !TIME.test(time))) {
    throw usageError(`"${text}" is not a date`, 'write it as `2027-01-31`, or as `2027-01-31T12:00:00Z`');
  }
  const start = Date.parse(`${day}T00:00:00Z`);
  // JavaScript takes the 31st of June for the 1st of July.
  if (Number.isNaN(start) || new Date(start).toISOString().slice(0, 10) !== day) {
    throw usageError(`there is no day ${day} in the calendar`, 'use a day that exists');
  }
  return time === '' ? start : Date.parse(`${day}T${time.toUpperCase()}`);
}
