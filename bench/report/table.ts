/** Words and tables of the page. */
export const table = (heads: readonly string[], rows: readonly (readonly string[])[]): string =>
  [heads, heads.map((_, i) => (i ? "--:" : "---")), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

export const milliseconds = (ms: number | undefined): string => (ms === undefined ? "–" : ms < 0.1 ? ms.toFixed(4) : ms < 10 ? ms.toFixed(3) : ms.toFixed(1));
export const kilobytes = (bytes: number): string => (bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(bytes < 102400 ? 1 : 0)} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`);
export const times = (ratio: number): string => `${ratio.toFixed(2)} ×`;
