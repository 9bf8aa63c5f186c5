// What may be personal or secret in the text of an error is left out before it leaves the browser. The server does it
// once more.

export const maxMessage = 300;
export const maxStack = 1000;
const frames = 8;

/** A message without what looks personal or secret, shortened. */
export function redactMessage(text: string): string {
  return redactStack(text)
    .replace(/\b(bearer|basic)\s+[\w.~+/=-]+/gi, "$1 [secret]")
    .replace(/[\w.~+=-]{24,}/g, (word) => (/\d/.test(word) ? "[secret]" : word))
    .replace(/\+?\d[\d ()./-]{5,}\d/g, "[number]")
    .slice(0, maxMessage);
}

/** The topmost frames of a stack, without the message above them, and without queries of addresses. */
export function trimStack(stack: string): string {
  const lines = stack.split("\n").map((line) => line.trim());
  return redactStack(
    lines
      .filter((line) => /:\d+/.test(line) && /^at |@/.test(line))
      .slice(0, frames)
      .join("\n"),
  ).slice(0, maxStack);
}

function redactStack(text: string): string {
  return text
    .replace(/(:\/\/)[^/\s@]+@/g, "$1")
    .replace(/\?[\w%[][^\s"'<>)]*/g, (query) => /(:\d+){1,2}$/.exec(query)?.[0] ?? "")
    .replace(/(:\/\/[^\s?#"'<>)]*)#[^\s"'<>)]*/g, "$1")
    .replace(/[\p{L}\p{N}._%+-]+@[\p{L}\p{N}-]+(\.[\p{L}\p{N}-]+)+/gu, "[email]");
}
