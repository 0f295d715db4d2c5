import { html } from './markup.ts';

/** Under another name, so that the formatter does not take the rules for HTML. */
const sheet = html;

/** The page's only style: dark text on white, no picture and no font from elsewhere, A4 with page numbers on paper. */
export const style = sheet`
:root { --ink: #17212b; --soft: #55636f; --line: #d8dee4; --wash: #f5f7f9; --accent: #12507b;
  --good: #1c7a4a; --warn: #9a5b00; --bad: #ab2a23; --wait: #4a5a9a; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 2.2rem 2rem 4rem; background: #fff; color: var(--ink);
  font: 0.94rem/1.5 system-ui, "Segoe UI", "Helvetica Neue", "Liberation Sans", "DejaVu Sans", Arial, sans-serif;
  -webkit-print-color-adjust: exact; print-color-adjust: exact; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; letter-spacing: -0.01em; }
h2 { margin: 2.6rem 0 0.7rem; padding-bottom: 0.3rem; border-bottom: 2px solid var(--accent); font-size: 1.3rem; }
h3 { margin: 1.5rem 0 0.4rem; font-size: 1.05rem; color: var(--accent); }
p { margin: 0.4rem 0; }
ul { margin: 0.3rem 0; padding-left: 1.15rem; }
li { margin: 0.22rem 0; overflow-wrap: break-word; }
code { font-family: ui-monospace, "Liberation Mono", "DejaVu Sans Mono", monospace; font-size: 0.86em; overflow-wrap: anywhere; }
.kicker { margin: 0 0 0.3rem; color: var(--accent); font-size: 0.8rem; font-weight: 600; letter-spacing: 0.08em; text-transform: uppercase; }
.soft { color: var(--soft); }
.unbroken { white-space: nowrap; }
.small { font-size: 0.84rem; }
.good { color: var(--good); } .calm { color: var(--soft); } .warn { color: var(--warn); } .bad { color: var(--bad); } .wait { color: var(--wait); }

.lead { margin: 1.1rem 0 0.9rem; padding: 0.75rem 1rem; border-left: 5px solid var(--warn); background: var(--wash); font-size: 1.1rem; font-weight: 600; }
.lead.complete { border-left-color: var(--good); }
.lead p { margin: 0; }
.lead .overdue { margin-top: 0.2rem; color: var(--bad); font-size: 0.95rem; }
.figures { display: grid; grid-template-columns: repeat(4, 1fr); gap: 0.8rem; margin: 0.9rem 0; }
.figure { padding: 0.65rem 0.8rem; border: 1px solid var(--line); border-radius: 6px; }
.figure b { display: block; font-size: 1.6rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.figure span { display: block; color: var(--soft); font-size: 0.84rem; line-height: 1.35; }
.bar { display: flex; gap: 2px; height: 0.85rem; margin: 0.9rem 0 0.35rem; }
.bar i { border-radius: 2px; }
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; margin: 0 0 0.4rem; padding: 0; list-style: none; color: var(--soft); font-size: 0.84rem; }
.legend li { margin: 0; }
.legend i { display: inline-block; width: 0.7rem; height: 0.7rem; margin-right: 0.35rem; border-radius: 2px; }
.good-fill { background: var(--good); } .calm-fill { background: #9fb3c2; } .warn-fill { background: #d08a1d; } .bad-fill { background: var(--bad); }
.wait-fill { background: repeating-linear-gradient(45deg, var(--wait) 0 4px, #aab3d6 4px 8px); }
.first h3 { margin-top: 1.15rem; }

.state { display: inline-block; padding: 0.02rem 0.45rem; border: 1px solid currentColor; border-radius: 4px; font-size: 0.8rem; font-weight: 600; line-height: 1.4; }
table { width: 100%; margin: 0.5rem 0 0.9rem; border-collapse: collapse; font-size: 0.86rem; }
th { padding: 0.35rem 0.55rem; border-bottom: 1px solid var(--ink); color: var(--soft); font-size: 0.78rem; text-align: left; vertical-align: bottom; }
td { padding: 0.4rem 0.55rem; border-bottom: 1px solid var(--line); overflow-wrap: break-word; vertical-align: top; }
td:last-child { overflow-wrap: anywhere; }
th:first-child, td:first-child { padding-left: 0; }
td p { margin: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.18rem 1.1rem; margin: 0.4rem 0; font-size: 0.9rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.endpoint { margin: 1.1rem 0; padding: 0.9rem 1.1rem 0.4rem; border: 1px solid var(--line); border-radius: 6px;
  -webkit-box-decoration-break: clone; box-decoration-break: clone; }
.endpoint > h3 { margin: 0 0 0.3rem; }
footer { margin-top: 3rem; padding-top: 0.6rem; border-top: 1px solid var(--line); color: var(--soft); font-size: 0.82rem; }

@media (max-width: 40rem) { .figures { grid-template-columns: repeat(2, 1fr); } dl { grid-template-columns: 1fr; } }
@page { size: A4; margin: 14mm 15mm 17mm;
  @bottom-right { content: "Page " counter(page) " of " counter(pages); color: #55636f; font: 8pt sans-serif; } }
@media print {
  :root { font-size: 9.5pt; }
  body { max-width: none; padding: 0; line-height: 1.4; }
  h2 { margin-top: 1.8rem; }
  .first h3 { margin-top: 0.8rem; } .first li { margin: 0.1rem 0; }
  .lead, .figures, .bar { margin-top: 0.6rem; margin-bottom: 0.5rem; } .figure { padding: 0.4rem 0.6rem; } .figure b { font-size: 1.35rem; }
  h2, h3, tr, .figure, .lead, li { break-inside: avoid; } h2, h3 { break-after: avoid; }
  thead { display: table-header-group; }
}
`;
