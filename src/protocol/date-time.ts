// date-time of RFC 3339 §5.6, for parameters: HOLDUNTIL (RFC 4865), RRVS (RFC 7293). What a text says; what time it is nobody asks here.

/** date-time = full-date "T" partial-time [time-secfrac] time-offset */
const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(?:(Z)|[+-](\d\d):(\d\d))$/;

/** How exact a date-time is, and whether it is in UTC; undefined for a text that is none. Write its letters in upper case. */
export function dateTime(text: string): { readonly fraction: boolean; readonly utc: boolean } | undefined {
  const [, year, month, day, hour, minute, second, fraction, utc, hours = "0", minutes = "0"] = DATE_TIME.exec(text) ?? [];
  const fit = Number(day) >= 1 && Number(day) <= daysIn(Number(year), Number(month))
    && Number(hour) <= 23 && Number(minute) <= 59 && Number(second) <= 60 // §5.7: a leap second
    && Number(hours) <= 23 && Number(minutes) <= 59;
  return fit ? { fraction: fraction !== undefined, utc: utc !== undefined } : undefined;
}

/** §5.7, Appendix C */
function daysIn(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
}
