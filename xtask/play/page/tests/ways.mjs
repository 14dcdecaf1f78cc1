// A way through each chapter: the decisions after its start position that reach its goals.

export const WAYS = {};
