// The page's signs, drawn: not every system's fonts have them.
//
// Rule: a sign stands beside a word, or on a button with a label; it says nothing alone.

const PATHS = {
  first: "M3 2v12M14 2 5 8l9 6z",
  back: "M12 2 3 8l9 6z",
  forth: "M4 2l9 6-9 6z",
  play: "M4 2l10 6-10 6z",
  pause: "M4 2h3v12H4zM9 2h3v12H9z",
  link: "M6 10l4-4M7 4.5 9 2.5a3.2 3.2 0 0 1 4.5 4.5l-2 2M9 11.5l-2 2A3.2 3.2 0 0 1 2.5 9l2-2",
  theme: "M8 1.5a6.5 6.5 0 1 0 0 13zM8 1.5a6.5 6.5 0 0 1 0 13",
  bolt: "M9 1 3 9h4l-1 6 7-9H8z",
  power: "M8 1v7M4.5 4a5.5 5.5 0 1 0 7 0",
  clock: "M8 1.5a6.5 6.5 0 1 0 .01 0zM8 4v4l3 2",
  ask: "M8 2v10M4 8.5l4 4 4-4",
  person: "M8 1.5a3 3 0 1 0 .01 0zM2 14.5c0-8 12-8 12 0z",
  returns: "M6 3 2 7l4 4M2 7h8a3.5 3.5 0 0 1 0 7H7",
  search: "M6.5 2a4.5 4.5 0 1 0 .01 0zM10 10l4 4",
  stop: "M3 3h10v10H3z",
  again: "M13 8a5 5 0 1 1-1.5-3.5M13 1.5v4H9",
} as const;

/** Those whose shapes are filled. */
const FILLED: readonly string[] = ["back", "forth", "play", "pause", "bolt", "stop"];

export type IconName = keyof typeof PATHS | "dice";

export function Icon({ name }: { name: IconName }) {
  if (name === "dice") {
    return (
      <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
        <rect
          x="1.5"
          y="1.5"
          width="13"
          height="13"
          rx="2.5"
          fill="none"
          stroke="currentColor"
          stroke-width="1.5"
        />
        {[5, 8, 11].map((at) => (
          <circle cx={at} cy={at} r="1.4" fill="currentColor" />
        ))}
      </svg>
    );
  }
  const filled = FILLED.includes(name);
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path
        d={PATHS[name]}
        fill={filled ? "currentColor" : "none"}
        stroke="currentColor"
        stroke-width={filled ? 1 : 1.6}
        stroke-linejoin="round"
        stroke-linecap="round"
      />
    </svg>
  );
}
