// The demo storefront: signs a demo customer in, sells a cup of tea, and shows what happened where.
"use strict";

const TEXT = {
  ja: {
    welcome: "ようこそ", choose: "デモのお客様を選んでサインインしてください。", signOut: "サインアウト",
    switchboard: "スイッチボード", cart: "カート", tea: "深蒸し煎茶 100g", cup: "波佐見焼の湯のみ",
    code: "クーポンコード", buy: "購入する", happened: "何が起きたか",
    hint: "わざとPOSやShopifyを壊して試せます:", hello: "$1 さん", member: "会員番号 $1",
    bought: "ご注文 $1:¥$2 − ¥$3 = ¥$4", none: "まだありません", live: "利用可", dead: "停止",
    uses: "利用 $1 回", balance: "残高 $1", failed: "サインインできませんでした",
    "unknown-code": "このコードは見つかりません。", "code-of-another-customer": "別のお客様のクーポンです。",
    "code-expired": "期限切れ、または停止されたクーポンです。", "code-used-up": "このクーポンは使用済みです。",
  },
  en: {
    welcome: "Welcome", choose: "Choose a demo customer to sign in as.", signOut: "Sign out",
    switchboard: "Switchboard", cart: "Cart", tea: "Deep-steamed sencha, 100 g", cup: "Hasami tea cup",
    code: "Coupon code", buy: "Buy", happened: "What happened",
    hint: "Break the till or Shopify on purpose:", hello: "$1", member: "Member $1",
    bought: "Order $1: ¥$2 − ¥$3 = ¥$4", none: "Nothing yet", live: "live", dead: "dead",
    uses: "used $1×", balance: "Balance $1", failed: "Could not sign in",
    "unknown-code": "There is no such code.", "code-of-another-customer": "This coupon is another customer's.",
    "code-expired": "The coupon has expired or was deactivated.", "code-used-up": "The coupon has been used.",
  },
};

const byId = (id) => document.getElementById(id);
let language = sessionStorage.getItem("language") || "ja";
let session = JSON.parse(sessionStorage.getItem("session") || "null");
const seen = new Set(JSON.parse(sessionStorage.getItem("conversions") || "[]"));

const t = (key, ...values) =>
  (TEXT[language][key] ?? key).replace(/\$(\d)/g, (_, n) => values[n - 1]);

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function translate() {
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  byId("language").textContent = language === "ja" ? "English" : "日本語";
  byId("language").lang = language === "ja" ? "en" : "ja";
  byId("widget").setAttribute("locale", language);
  if (session) byId("hello").textContent = t("hello", session.customer.name);
}

async function customers() {
  const list = await (await fetch("/shop/demo/customers")).json();
  byId("customers").replaceChildren(...list.map((customer) => {
    const button = element("button", "", customer.name,
      element("small", "", `${t("member", customer.member_no)} · ID ${customer.id}`));
    button.type = "button";
    button.addEventListener("click", () => signIn(customer.id));
    return button;
  }));
}

async function signIn(id) {
  const answer = await fetch("/shop/demo/sign-in", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ customer_id: id }),
  });
  if (!answer.ok) return alert(t("failed"));
  session = await answer.json();
  sessionStorage.setItem("session", JSON.stringify(session));
  show();
}

function signOut() {
  if (!session) return;
  session = null;
  sessionStorage.removeItem("session");
  sessionStorage.removeItem("conversions");
  seen.clear();
  show();
}

function show() {
  byId("sign-in").hidden = Boolean(session);
  byId("signed-in").hidden = !session;
  translate();
  if (!session) return byId("widget").removeAttribute("token");
  byId("widget").setAttribute("token", session.token);
  happened();
}

async function buy(event) {
  event.preventDefault();
  const code = new FormData(event.target).get("code").trim();
  const cart = { customer: session.customer.id, total: 3000 };
  if (code) cart.code = code;
  const answer = await fetch("/sandbox/api/orders", { method: "POST", body: JSON.stringify(cart) });
  const order = await answer.json();
  const reason = (order.type || "").split("/").pop();
  byId("bought").className = answer.ok ? "" : "bad";
  byId("bought").textContent = answer.ok
    ? t("bought", order.name, order.subtotal, order.discount, order.total)
    : TEXT[language][reason] || order.detail;
  happened();
}

const none = () => [element("p", "soft", t("none"))];
const tag = (text, on) => element("span", on ? "tag on" : "tag", text);
const time = (at) => new Date(at).toLocaleTimeString(language);

function showBooks(books) {
  const id = session.customer.id;
  const coupons = books.coupons.filter((coupon) => coupon.customer === id).slice(-6).reverse();
  const entries = new Map((books.metafields[id] || []).map((entry) => [entry.code, entry.status]));
  byId("shopify").replaceChildren(...(coupons.length ? coupons.map((coupon) => element("div", "row",
    element("code", "", coupon.code), " ", tag(coupon.live ? t("live") : t("dead"), coupon.live),
    element("small", "", `${t("uses", coupon.uses)} · metafield: ${entries.get(coupon.code) || "–"}`),
  )) : none()));
  const account = books.points[id] || { balance: 0, movements: [] };
  byId("pos").replaceChildren(
    element("div", "row", element("b", "", t("balance", account.balance.toLocaleString(language)))),
    ...account.movements.slice(-6).reverse().map((move) => element("div", "row",
      `${move.amount > 0 ? "+" : ""}${move.amount} → ${move.balance}`,
      element("small", "", `${move.reference} · ${time(move.at)}`))));
}

async function showKaeru() {
  const headers = { Authorization: `Bearer ${session.token}` };
  const flows = await Promise.all([...seen].slice(-3).reverse().map(async (id) => {
    const answer = await fetch(`/storefront/v1/conversions/${id}`, { headers });
    return answer.ok ? answer.json() : null;
  }));
  const rows = flows.filter(Boolean).map((flow) => element("div", "row",
    tag(flow.status, flow.status === "completed"), " ", flow.coupon ? flow.coupon.code : "",
    ...flow.events.map((step) => element("small", "", `${time(step.at)} ${step.event}`))));
  byId("kaeru").replaceChildren(...(rows.length ? rows : none()));
}

async function happened() {
  if (!session) return;
  const books = await (await fetch("/sandbox/api/books")).json();
  if (!session) return;
  showBooks(books);
  await showKaeru();
}

byId("language").addEventListener("click", () => {
  language = language === "ja" ? "en" : "ja";
  sessionStorage.setItem("language", language);
  translate();
  customers();
  happened();
});
byId("sign-out").addEventListener("click", signOut);
byId("checkout").addEventListener("submit", buy);
byId("widget").addEventListener("kaeru-unauthenticated", signOut);
byId("widget").addEventListener("kaeru-conversion", (event) => {
  if (event.detail.id) seen.add(event.detail.id);
  sessionStorage.setItem("conversions", JSON.stringify([...seen]));
  happened();
});
setInterval(() => document.hidden || happened().catch(() => {}), 2000);
customers();
show();
