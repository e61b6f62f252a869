/** The look of the report: light and dark, wide and narrow. */
export const css = `
:root { color-scheme: light dark; --page: #fff; --text: #1b1f24; --soft: #5b6470; --card: #f4f6f8; --edge: #d9dee4;
  --int8: #2f6fdb; --float: #c9781a; --poor: #c8342b; --quiet: #a3acb8; --line: #d9dee4; --onbar: #fff; }
@media (prefers-color-scheme: dark) { :root { --page: #14171b; --text: #e6e9ed; --soft: #9aa4b0; --card: #1e2329; --edge: #333b44;
  --int8: #6a9ff5; --float: #e3a04e; --poor: #ff7a70; --quiet: #5d6773; --line: #333b44; --onbar: #0c0f12; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 980px; padding: 24px 20px 60px; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 4px; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin: 40px 0 4px; }
p { margin: 4px 0 12px; max-width: 75ch; } .soft { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 12px; margin: 20px 0; padding: 0; }
.tiles > div { background: var(--card); border: 1px solid var(--edge); border-radius: 8px; padding: 12px 14px; }
.tiles dt { color: var(--soft); font-size: .82rem; } .tiles dd { margin: 0; font-size: 1.35rem; font-weight: 600; } .tiles small { display: block; color: var(--soft); font-size: .8rem; font-weight: 400; }
table { border-collapse: collapse; width: 100%; font-size: .86rem; } th, td { text-align: left; padding: 5px 10px 5px 0; border-bottom: 1px solid var(--edge); vertical-align: top; }
th { color: var(--soft); font-weight: 500; white-space: nowrap; } td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; } td.name { overflow-wrap: anywhere; min-width: 9em; }
.scroll { overflow-x: auto; } .poor { color: var(--poor); font-weight: 600; }
.key { display: flex; flex-wrap: wrap; gap: 4px 18px; color: var(--soft); font-size: .84rem; margin: 0 0 6px; padding: 0; list-style: none; }
.key i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em; vertical-align: -1px; } .key .dash { height: 0; border-top: 2px dashed var(--poor); border-radius: 0; vertical-align: 4px; }
figure { margin: 0; } figure svg { display: block; max-width: 100%; height: auto; font: 11.5px system-ui, sans-serif; } .narrow { display: none; }
summary { cursor: pointer; font-size: 1.15rem; font-weight: 600; margin: 40px 0 8px; }
@media (max-width: 720px) { body { padding: 16px 12px 40px; } .wide { display: none; } .narrow { display: block; } }
@media print { .tiles > div { break-inside: avoid; } }
`;
