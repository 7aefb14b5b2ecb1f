// Watches a page from now on: the time between frames, and tasks that block it.
window.watched = { frames: [], longest: 0, blocked: 0 };
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    window.watched.longest = Math.max(window.watched.longest, entry.duration);
    window.watched.blocked += entry.duration;
  }
}).observe({ type: "longtask" });
let last = performance.now();
const next = (now) => {
  window.watched.frames.push(now - last);
  last = now;
  requestAnimationFrame(next);
};
requestAnimationFrame(next);
