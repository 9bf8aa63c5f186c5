// What may be personal or secret in the stack of an error is left out before it leaves the browser. The server keeps less.

export const maxStack = 1000;
const frames = 8;

/** The topmost frames of a stack, without the message above them, and without queries of addresses. */
export function trimStack(stack: string): string {
  const lines = stack.split("\n").map((line) => line.trim());
  return redactStack(
    lines
      .filter((line) => (/:\d+/.test(line) && /^at |@/.test(line)) || /^at \S+$/.test(line))
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
