/** A path with what tells its pages apart replaced by `{id}`: ids, numbers, keys. What is left is few enough to count by. */
export function pageOf(path: string): string {
  const segments = path
    .split("/")
    .filter((segment) => segment !== "" && segment !== "index.html")
    .map((segment) => (isIdentifier(segment) ? "{id}" : segment));
  return `/${segments.join("/")}`.slice(0, 100);
}

/** UUIDs, and whatever has more than a version's worth of digits; also what is no word of a template, such as an address. */
function isIdentifier(segment: string): boolean {
  return /^\d+$/.test(segment) || (segment.match(/\d/g)?.length ?? 0) > 3 || /[^\w.~{}-]/.test(segment) || segment.length > 40;
}
