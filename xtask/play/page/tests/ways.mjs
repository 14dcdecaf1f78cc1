// A way through each chapter: the path behind its start position that reaches its goals.

export const WAYS = {
  read: "0*8.1.0*6",
  every: "0*27.1.0*6",
  intent: "0*17.1.0*4.1.0*11",
  cut: "0.1.0.1.1.0*147",
  stale: "0*26.1.0*237",
  parked: "0.0.0.1.1.0*16",
  split: "0.0.1.0*75.1.0*21.1.0.1.1.0*18.1.0*225",
  cache: "0*7.1.1.3.0*17",
};
