/** A time zone in which it is about noon: no test crosses midnight, and pictures show a working day. */
export function noonZone() {
  const hours = 12 - new Date().getUTCHours();
  // These names have their sign the other way round.
  return hours === 0 ? "Etc/GMT" : `Etc/GMT${hours > 0 ? "-" : "+"}${Math.abs(hours)}`;
}
