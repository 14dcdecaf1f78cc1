// A style sheet is imported for esbuild to bundle; it has nothing to say to TypeScript.
declare module "*.css";
