// The switchboard's page: sets faults, shows the books every second.
"use strict";

const byId = (id) => document.getElementById(id);

async function api(path, method = "GET", body) {
  const answer = await fetch(`/sandbox/api/${path}`, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body ? JSON.stringify(body) : undefined,
  });
  return { ok: answer.ok, data: await answer.json() };
}

// Text goes in as text, never as HTML.
function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function fill(id, rows, empty) {
  const shown = rows.length ? rows : [element("p", "empty", empty)];
  byId(id).replaceChildren(...shown);
}

function badge(text, live) {
  return element("span", live ? "badge live" : "badge", text);
}

function showFaults({ faults, calls, kinds }) {
  for (const [id, names] of [["calls", calls], ["kinds", kinds]]) {
    if (!byId(id).options.length) {
      byId(id).append(...names.map((name) => new Option(name)));
    }
  }
  byId("active").replaceChildren(
    ...(faults.length
      ? faults.map((fault) => {
          const times = fault.times ? `×${fault.times}` : "until removed";
          const whose = fault.customer ? ` for ${fault.customer}` : "";
          return element("li", "fault", `${fault.call}: ${fault.fault} ${times}${whose}`);
        })
      : [element("li", "", "none: everything works")]),
  );
}

function showBooks(books) {
  const accounts = Object.entries(books.points).slice(0, 12);
  fill("points", accounts.map(([id, account]) => element("div", "row",
    `${id} `, element("b", "", `${account.balance.toLocaleString()} pt`),
    ...account.movements.slice(-4).reverse().map((move) => element("div", "moves",
      `${move.amount > 0 ? "+" : ""}${move.amount} → ${move.balance} · ${move.reference}`)),
  )), "No customers.");
  fill("coupons", books.coupons.slice(-15).reverse().map((coupon) => element("div", "row",
    element("code", "", coupon.code), badge(coupon.live ? "live" : "dead", coupon.live),
    element("div", "moves", `customer ${coupon.customer} · used ${coupon.uses}×`),
  )), "No coupons yet.");
  fill("metafields", Object.entries(books.metafields).slice(0, 12).map(([id, list]) =>
    element("div", "row", `${id}: `, ...(Array.isArray(list) ? list : []).slice(0, 5).flatMap(
      (entry) => [element("code", "", String(entry.code)), badge(String(entry.status)), " "]),
    )), "No metafields yet.");
  fill("orders", books.orders.slice(-8).reverse().map((order) => element("div", "row",
    `${order.name} · ${order.customer} · `, element("b", "", String(order.total)),
    order.discount !== "0" ? badge(`−${order.discount}`) : "",
    order.cancelled_at ? badge("cancelled") : "",
  )), "No orders yet.");
  byId("callcounts").replaceChildren(...Object.entries(books.calls)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => element("li", "", `${name} ${count}`)),
    element("li", "", `throttled ${books.throttled}`));
}

function showLatency(latency) {
  const parts = Object.entries(latency).map(([call, ms]) => `${call} ${ms} ms`);
  byId("latency").textContent = parts.length ? parts.join(" · ") : "Every call answers at once.";
}

async function refresh() {
  try {
    const [faults, books, latency] = await Promise.all([api("faults"), api("books"), api("latency")]);
    showFaults(faults.data);
    showBooks(books.data);
    showLatency(latency.data);
  } finally {
    setTimeout(refresh, 1000);
  }
}

async function setFault(fault) {
  const { ok, data } = await api("faults", "PUT", fault);
  if (ok) showFaults(data);
  else alert(data.detail);
}

byId("quick").addEventListener("click", (event) => {
  const { call, fault, times } = event.target.dataset;
  if (call) setFault({ call, fault, times: Number(times || 1) });
});

byId("fault").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const fault = { call: form.get("call"), fault: form.get("fault"), times: Number(form.get("times")) };
  if (form.get("customer")) fault.customer = form.get("customer");
  if (form.get("after_s")) fault.after_s = Number(form.get("after_s"));
  setFault(fault);
});

byId("clear").addEventListener("click", async () => {
  showFaults((await api("faults", "DELETE")).data);
});

document.addEventListener("click", async (event) => {
  const { preset } = event.target.dataset;
  if (preset) showLatency((await api("latency", "PUT", { preset })).data);
});

byId("checkout").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const cart = { customer: form.get("customer"), total: Number(form.get("total")) };
  if (form.get("code")) cart.code = form.get("code");
  const { ok, data } = await api("orders", "POST", cart);
  byId("bought").textContent = ok
    ? `Order ${data.name}: ${data.subtotal} − ${data.discount} = ${data.total}`
    : data.detail;
});

refresh();
