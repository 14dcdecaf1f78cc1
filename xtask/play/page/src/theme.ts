// Dark, light, or as the system has it; kept from visit to visit where the browser allows.

import { useEffect, useState } from "preact/hooks";

const THEMES = ["system", "dark", "light"] as const;
export type Theme = (typeof THEMES)[number];

export const THEME_WORDS: Record<Theme, string> = {
  system: "as the system",
  dark: "dark",
  light: "light",
};

const KEY = "dmirror-theme";
let theme: Theme = kept();
let hears: (() => void)[] = [];

function kept(): Theme {
  try {
    return THEMES.find((it) => it === localStorage.getItem(KEY)) ?? "system";
  } catch {
    return "system";
  }
}

/** Puts the theme on the page; style sheets look at `data-theme`. */
export function applyTheme(): void {
  document.documentElement.dataset.theme = theme;
}

export function nextTheme(): void {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // A browser that keeps nothing shows it until the page is left.
  }
  applyTheme();
  for (const hear of hears) hear();
}

export function useTheme(): Theme {
  const [now, setNow] = useState(theme);
  useEffect(() => {
    const hear = () => setNow(theme);
    hears.push(hear);
    return () => void (hears = hears.filter((it) => it !== hear));
  }, []);
  return now;
}
