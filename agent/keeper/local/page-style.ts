// The page's look: one column on a phone, dark and light by the system, states told by word and sign and not by colour
// alone.
export const STYLE = `
:root{color-scheme:light dark;--ink:#16202a;--soft:#51606e;--ground:#f3f5f7;--card:#fff;--line:#c5ced6;--act:#0a5bb5;--on-act:#fff;--go:#11713a;--hold:#8a5200;--bad:#b3201f}
@media(prefers-color-scheme:dark){:root{--ink:#e8edf2;--soft:#a7b4c0;--ground:#10161c;--card:#1a232c;--line:#3b4854;--act:#7db8ff;--on-act:#0b1a2b;--go:#64d493;--hold:#f2b85c;--bad:#ff8a84}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.45 system-ui,sans-serif}
main{max-width:34rem;margin:0 auto;padding:.75rem;display:grid;gap:.75rem}
section,details{background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:1rem;min-width:0}
h1{font-size:1rem;margin:0;color:var(--soft);font-weight:600}
h2,summary{font-size:1rem;margin:0 0 .5rem;font-weight:600}
summary{margin:0;cursor:pointer;min-height:1.75rem}
details[open]>summary{margin-bottom:.5rem}
#state{display:flex;align-items:center;gap:.6rem;font-size:1.75rem;font-weight:700;margin:.25rem 0}
svg{width:1.2em;height:1.2em;fill:currentColor;flex:none}
.charging{color:var(--go)}.suspendedEvse,.suspendedEv,.occupied,.unknown{color:var(--hold)}.faulted,.lost{color:var(--bad)}
#amps{font-size:2.25rem;font-weight:700;line-height:1.15}
#reason{margin:.25rem 0 0}
dl{display:grid;grid-template-columns:fit-content(45%) 1fr;gap:.25rem 1rem;margin:.75rem 0 0}
dt{color:var(--soft)}dd{margin:0;text-align:right;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
button,input,select{font:inherit;color:inherit;min-height:2.75rem;border-radius:.5rem;border:1px solid var(--soft);background:var(--card);padding:.25rem .75rem;max-width:100%}
button{cursor:pointer;font-weight:600}
button.main{background:var(--act);color:var(--on-act);border-color:var(--act);width:100%;font-size:1.15rem}
button:focus-visible,input:focus-visible,select:focus-visible,summary:focus-visible{outline:3px solid var(--act);outline-offset:2px}
form,.row{display:flex;flex-wrap:wrap;gap:.5rem;align-items:end;margin-top:.75rem}
label{display:grid;gap:.15rem;color:var(--soft);font-size:.9rem;flex:1 1 8rem;min-width:0}
input,select{width:100%;color:var(--ink)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;padding:.25rem .5rem .25rem 0;border-bottom:1px solid var(--line)}
ul{margin:.25rem 0;padding-left:1.25rem}p{margin:.25rem 0}
#order-override{margin-top:0}#told{min-height:1.5rem;color:var(--soft)}#away{color:var(--soft)}#told.bad,#lost,#faults{color:var(--bad);font-weight:600}
[hidden]{display:none!important}
`
