/* <kaeru-points>: a customer's points, converted to coupons, on any page.
 *
 *   <script src="https://kaeru.example/widget.js" defer></script>
 *   <kaeru-points token="…" api="https://kaeru.example" locale="ja"></kaeru-points>
 *
 * Instead of `token`, the property `tokenProvider` may hold an async function that returns one.
 * Colours follow the page's color-scheme; set --kaeru-accent, --kaeru-bg, … to change them.
 * Events: kaeru-conversion {id, status}, kaeru-unauthenticated. Method: refresh().
 *
 * One press makes at most one conversion: its Idempotency-Key is stored before the first request,
 * and every repetition (lost answer, reload, second press) sends the same key. */
(() => {
const TEXT = {
  ja: {
    points: '$1 ポイント', balance: 'ポイント残高', worth: '$1 分', loading: '読み込み中…',
    expiring: '$2 までに使わないと $1 が失効します', convert: 'クーポンに交換',
    limits: '$1 以上、$2 単位で交換できます。本日はあと $3 まで。', amount: '交換するポイント',
    less: '減らす', more: '増やす', max: '最大', preview: '$1 → $2 のクーポン(残り $3)',
    submit: '交換する', busy: '処理中…', number: '数字で入力してください。',
    calm: '少し時間がかかっています。このままお待ちください。二重に交換されることはありません。',
    confirming: '確認中です', safe: '引き落としの結果を確認しています。ポイントは安全です。' +
      'お客さまの操作は不要で、結果が分かり次第この画面が切り替わります。',
    lost: '接続が切れました。同じお申し込みとして、自動でもう一度確認します。',
    done: 'クーポンができました', used: '$1 を交換しました(残り $2)', copy: 'コピー',
    copied: 'コピーしました', code: 'クーポンコード', until: '有効期限 $1', again: '続けて交換する',
    till: '店頭で使う', coupons: 'クーポン', none: 'まだありません。', history: 'ポイント履歴',
    next: 'もっと見る', 's-active': '利用可', 's-used': '利用済み', 's-expired': '期限切れ',
    's-cancelled': '取消済み', 's-held': '停止中', COUPON: 'クーポンに交換',
    CANCEL: 'クーポン取消による返還', ORDER: '注文取消による返還', back: '$1 に返還済み',
    forth: '$1 の交換の返還', minimum: '$1 以上を入力してください。', unit: '$1 単位で入力してください。',
    today: '本日はあと $1 まで交換できます。', short: '残高が足りません。最大 $1 まで交換できます。',
    few: 'あと $1 たまると交換できます。', tomorrow: '本日の上限に達しました。明日またご利用ください。',
    failed: '交換できませんでした', kept: 'ポイントは減っていません。', retry: 'もう一度試す',
    undo: '取り消してポイントに戻す', sure: '取り消しますか?コードは使えなくなります。', yes: '取り消す',
    undone: '取り消しました。ポイントが戻りました。', close: '閉じる', signin: 'もう一度サインインしてください。', broken: '読み込めませんでした。',
  },
  en: {
    points: '$1 points', balance: 'Your points', worth: 'worth $1', loading: 'Loading…',
    expiring: '$1 expire on $2 unless you use them', convert: 'Turn points into a coupon',
    limits: 'At least $1, in steps of $2. Up to $3 more today.', amount: 'Points to convert',
    less: 'Less', more: 'More', max: 'all', preview: '$1 → $2 coupon ($3 left)',
    submit: 'Convert', busy: 'Processing…', number: 'Please enter a number.',
    calm: 'This takes a little longer than usual. Please wait: nothing will be converted twice.',
    confirming: 'Confirming', safe: 'We are confirming that your points were taken. They are ' +
      'safe, you need not do anything, and this page updates by itself.',
    lost: 'The connection was lost. We are checking the same request again by ourselves.',
    done: 'Your coupon is ready', used: '$1 converted ($2 left)', copy: 'Copy',
    copied: 'Copied', code: 'Coupon code', until: 'Valid until $1', again: 'Convert more',
    till: 'Use in store', coupons: 'Coupons', none: 'None yet.', history: 'History',
    next: 'Show more', 's-active': 'Ready', 's-used': 'Used', 's-expired': 'Expired',
    's-cancelled': 'Cancelled', 's-held': 'On hold', COUPON: 'Converted to a coupon',
    CANCEL: 'Returned: coupon cancelled', ORDER: 'Returned: order cancelled',
    back: 'returned on $1', forth: 'for the conversion on $1', minimum: 'Please enter at least $1.',
    unit: 'Please enter a multiple of $1.', today: 'You can convert up to $1 more today.',
    short: 'Your balance allows up to $1.', few: '$1 more and you can convert.',
    tomorrow: 'Today’s limit is reached. Please come back tomorrow.',
    failed: 'Not converted', kept: 'Your points are unchanged.', retry: 'Try again',
    undo: 'Take back', sure: 'Take it back? The code will stop working.', yes: 'Yes, take back',
    undone: 'Taken back. Your points have returned.', close: 'Close', signin: 'Please sign in again.', broken: 'This could not be loaded.',
  },
};

const CSS = `
:host{display:block;container-type:inline-size;font:1rem/1.6 system-ui,"Hiragino Sans","Noto Sans JP",
 sans-serif;--a:var(--kaeru-accent,light-dark(#0b6e4f,#5ccf9f));--on:var(--kaeru-on-accent,
 light-dark(#fff,#08251a));--bg:var(--kaeru-bg,light-dark(#fff,#171c1a));--tx:var(--kaeru-text,
 light-dark(#17211d,#e8eeeb));--mu:var(--kaeru-muted,light-dark(#55625c,#a3b0aa));--ln:var(--kaeru-line,
 light-dark(#dfe6e2,#323b37));--er:light-dark(#b3261e,#ff9a8f);--r:var(--kaeru-radius,16px);color:var(--tx);
 line-break:strict;word-break:auto-phrase;overflow-wrap:anywhere}
*{box-sizing:border-box}h3,p,ul{margin:0;padding:0}h3{font-size:1rem}ul{list-style:none}
main{display:grid;gap:16px}section{background:var(--bg);border:1px solid var(--ln);border-radius:var(--r);
 padding:24px;display:grid;gap:16px;align-content:start;min-width:0}
@container(min-width:760px){main{grid-template-columns:1fr 1fr}}
.top{gap:4px}.big{font-size:2.25rem;font-weight:700;line-height:1.2;letter-spacing:-.02em}
.mu,dt{color:var(--mu);font-size:.875rem}.er{color:var(--er);font-size:.875rem}.row{display:flex;
 flex-wrap:wrap;gap:8px;align-items:center;justify-content:space-between}
button,input,code{font:inherit;color:inherit;border:1px solid var(--ln);border-radius:10px;background:none;
 min-height:44px;padding:0 14px}button{cursor:pointer}button:hover{border-color:var(--a)}
:focus-visible{outline:3px solid var(--a);outline-offset:2px}h3:focus{outline:0}
[aria-pressed=true]{border-color:var(--a);box-shadow:inset 0 0 0 1px var(--a)}
.pri{background:var(--a);color:var(--on);border-color:var(--a);font-weight:700;min-height:52px}
:disabled{opacity:.6;cursor:progress}.set{border:0;padding:0;margin:0;min-width:0;display:grid;gap:16px}
.chips,.step{display:grid;grid-template-columns:repeat(auto-fill,minmax(88px,1fr));gap:8px}
.step{grid-template-columns:52px 1fr 52px}input{width:100%;text-align:center;font-size:1.25rem}
code{font:700 1.25rem/1.4 ui-monospace,Menlo,monospace;border-style:dashed;display:block;padding:10px;
 text-align:center}li{border-top:1px solid var(--ln);padding:12px 0;display:grid;gap:4px}
li code{border:0;padding:0;min-height:0;font-size:1rem}.n{font-weight:700;font-variant-numeric:tabular-nums}
.tag{font-size:.75rem;border-radius:99px;padding:2px 10px;border:1px solid var(--ln);color:var(--mu)}
.active{border-color:var(--a);color:var(--a)}.pair{border-left:3px solid var(--a);padding-left:12px}
summary{cursor:pointer;padding:8px 0}
svg{display:block;width:100%;height:72px;background:#fff;border-radius:6px;padding:8px 0}
.spin{width:1em;height:1em;display:inline-block;border:2px solid;border-right-color:transparent;
 border-radius:50%;animation:s 1s linear infinite;vertical-align:-.1em;margin-right:8px}
@keyframes s{to{rotate:1turn}}@media(prefers-reduced-motion:reduce){.spin{animation:none}}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}`;

// Code 128: each symbol is eleven bits; here, two base-36 digits each, less the leading bit.
const SYMBOLS = 'jwh8h2483w245k5g2sg8g4f8bg645qcs6k6ehegsgekkhgoengmkmeo4msmqk8jqfq7s2g1yaw2w2qi0fc' +
  'f6c8b232d4cm3aomi6fikikokunsnalyo8o2m2oqg2p68g7g4w3q1812b4as5s5e1g1eeqggqies3e8s584edg6s6qpwp' +
  'gpekel2qeag7y2mdkdeq0pudadqnyq6hwi8ik';
const STOP = '1100011101011';

function barcode(text) {
  const values = [104, ...[...text].map((c) => c.charCodeAt(0) - 32)]; // 104 starts set B
  values.push(values.reduce((sum, value, i) => sum + value * i) % 103);
  const bits = values.map((v) => (1024 + parseInt(SYMBOLS.substr(v * 2, 2), 36)).toString(2));
  const all = bits.join('') + STOP;
  const svg = (tag, attributes, ...children) => {
    const el = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const name in attributes) el.setAttribute(name, attributes[name]);
    el.append(...children);
    return el;
  };
  const bars = [...all.matchAll(/1+/g)].map((m) => `M${m.index} 0h${m[0].length}v1h-${m[0].length}z`);
  const viewBox = `-10 0 ${all.length + 20} 1`; // ten empty modules on either side
  return svg('svg', { viewBox, preserveAspectRatio: 'none', role: 'img', 'aria-label': text },
    svg('path', { d: bars.join('') }));
}

/** An element; `props` are its properties where it has them, else attributes. */
function h(tag, props, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name in el) el[name] = value;
    else el.setAttribute(name, value);
  }
  el.append(...children.flat().filter((child) => child != null && child !== '' && child !== false));
  return el;
}

const script = document.currentScript ?? document.querySelector('script[src*="/widget.js"]');
const home = new URL(script?.src || location.href).origin;
const sheet = new CSSStyleSheet();
sheet.replaceSync(CSS);

class KaeruPoints extends HTMLElement {
  static observedAttributes = ['api', 'token', 'locale'];

  connectedCallback() {
    if (!this.shadowRoot) {
      this.attachShadow({ mode: 'open' }).adoptedStyleSheets = [sheet];
      this.main = h('main');
      this.live = h('p', { className: 'sr', role: 'status' });
      this.shadowRoot.append(this.main, this.live);
    }
    this.refresh().then(() => this.resume());
  }

  attributeChangedCallback(name, old, now) {
    if (!this.main || old === now) return;
    if (name !== 'locale') this.card = this.points = null;
    this.connectedCallback();
  }

  get locale() {
    const named = this.getAttribute('locale') || document.documentElement.lang || navigator.language;
    return named.startsWith('ja') ? 'ja' : 'en';
  }
  get store() { return `kaeru ${this.api} ${(this.getAttribute('token') || '').split('.')[1] || ''}`; }
  get api() { return (this.getAttribute('api') || home).replace(/\/$/, ''); }
  t(key, ...values) {
    return (TEXT[this.locale][key] ?? key).replace(/\$(\d)/g, (_, n) => values[n - 1]);
  }
  n(count) { return new Intl.NumberFormat(this.locale).format(count); }
  pt(count) { return this.t('points', this.n(count)); }
  money(m) {
    const style = { style: 'currency', currency: m.currency };
    return new Intl.NumberFormat(this.locale, style).format(m.amount);
  }
  day(at) { return new Intl.DateTimeFormat(this.locale, { dateStyle: 'medium' }).format(new Date(at)); }

  async call(path, key, points) {
    const token = this.tokenProvider ? await this.tokenProvider() : this.getAttribute('token');
    const headers = { Authorization: `Bearer ${token}`, 'Accept-Language': this.locale };
    const init = { headers };
    if (key) {
      headers['Content-Type'] = 'application/json';
      headers['Idempotency-Key'] = key;
      Object.assign(init, { method: 'POST', body: JSON.stringify({ points }) });
    }
    const answer = await fetch(`${this.api}/storefront/v1/${path}`, init);
    const data = await answer.json().catch(() => ({}));
    if (answer.status === 401) this.dispatchEvent(new Event('kaeru-unauthenticated'));
    return { status: answer.status, data, wait: +answer.headers.get('Retry-After') || 1 };
  }

  async refresh() {
    if (!this.tokenProvider && !this.getAttribute('token')) {
      this.error = this.t('signin');
      return this.render();
    }
    try {
      const all = await Promise.all(['points', 'coupons', 'history'].map((path) => this.call(path)));
      const bad = all.find((one) => one.status !== 200);
      this.error = bad && (bad.status === 401 ? this.t('signin') : bad.data.detail || this.t('broken'));
      if (!bad) [this.points, this.coupons, this.moves] = all.map((one) => one.data);
    } catch { this.error = this.t('broken'); }
    this.render();
  }

  /** What a reload, or a lost answer, left behind. */
  resume() {
    const left = sessionStorage.getItem(this.store);
    if (left && !this.card) this.pursue(JSON.parse(left));
  }

  convert(points) {
    if (this.card?.busy) return;
    const key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    this.pursue({ key, points });
  }

  /** Asks with the same key until there is an end. */
  async pursue(wish) {
    sessionStorage.setItem(this.store, JSON.stringify(wish));
    this.show({ busy: 1, text: 'busy' });
    const calm = setTimeout(() => this.card?.busy && this.show({ ...this.card, calm: 1 }), 3000);
    for (let pause = 1, misses = 0; ; pause = Math.min(pause * 1.5, 5)) {
      let got;
      try {
        got = await (wish.id ? this.call(`conversions/${wish.id}`)
          : this.call('conversions', wish.key, wish.points));
      } catch { got = { status: 0, data: {}, wait: 1 }; misses += 1; }
      const { status, data } = got;
      if (status === 0 && misses === 2) this.show({ busy: 1, text: 'busy', note: 'lost' });
      if (data.status === 'completed') { this.end({ done: data }, data.id); break; }
      if (data.status === 'confirming' || data.status === 'processing') {
        if (!wish.id) this.tell(data.id, data.status);
        wish.id = data.id;
        sessionStorage.setItem(this.store, JSON.stringify(wish));
        if (data.status === 'confirming') this.show({ busy: 1, text: 'confirming', note: 'safe' });
      } else if (![0, 409].includes(status) || data.type?.endsWith('in-doubt')) {
        this.end({ failed: data.problem || data, again: status === 503 && wish }, wish.id);
        break;
      }
      await new Promise((next) => setTimeout(next, 1000 * Math.max(pause, got.wait)));
    }
    clearTimeout(calm);
  }

  tell(id, status) { this.dispatchEvent(new CustomEvent('kaeru-conversion', { detail: { id, status } })); }

  async end(card, id) {
    sessionStorage.removeItem(this.store);
    this.card = card;
    this.tell(id, card.done ? 'completed' : 'failed');
    await this.refresh();
    this.live.textContent = this.t(card.done ? 'done' : 'failed');
    this.shadowRoot.querySelector('.focus')?.focus();
  }

  show(card) {
    this.card = card;
    this.live.textContent = this.t(card.text);
    this.render();
  }

  render() {
    if (this.error && !this.points) {
      const again = h('button', { onclick: () => this.refresh() }, this.t('retry'));
      return this.main.replaceChildren(h('section', null, h('p', { className: 'er' }, this.error), again));
    }
    if (!this.points) return this.main.replaceChildren(h('section', null, this.t('loading')));
    this.main.replaceChildren(this.top(), this.form(), this.list('coupons', this.coupons, this.coupon),
      this.list('history', this.moves, this.move));
  }

  top() {
    const { balance, worth, expiring: [soon] } = this.points;
    return h('section', { className: 'top' }, h('p', { className: 'mu' }, this.t('balance')),
      h('p', { className: 'big n' }, this.pt(balance)),
      worth && h('p', null, this.t('worth', this.money(worth))),
      soon && h('p', { className: 'mu' }, this.t('expiring', this.pt(soon.points), this.day(soon.expires_at))));
  }

  title(text, focus) { return h('h3', { tabIndex: -1, className: focus ? 'focus' : '' }, text); }

  copy(code) {
    const button = h('button', { onclick: async () => {
      try { await navigator.clipboard.writeText(code); } catch {
        const box = h('textarea', { value: code });
        this.shadowRoot.append(box); box.select(); document.execCommand('copy'); box.remove();
      }
      button.textContent = this.live.textContent = this.t('copied');
    } }, this.t('copy'));
    return button;
  }

  form() {
    const { done, failed, again, busy, text, note, calm } = this.card ?? {};
    const close = (label) => h('button', { onclick: () => { this.card = null; this.render(); } }, label);
    if (done) {
      const { code, amount, expires_at } = done.coupon;
      return h('section', { className: 'result' }, this.title(this.t('done'), 1),
        h('p', { className: 'big n' }, this.money(amount)),
        h('code', { 'aria-label': this.t('code') }, code), this.copy(code),
        h('p', { className: 'mu' }, this.t('until', this.day(expires_at))),
        h('p', null, this.t('used', this.pt(done.points), this.pt(done.balance.after ?? this.points.balance))),
        h('details', null, h('summary', null, this.t('till')), barcode(code)), close(this.t('again')));
    }
    if (failed) {
      return h('section', { className: 'failed' }, this.title(failed.title || this.t('failed'), 1),
        h('p', { className: 'er' }, failed.detail || this.t('broken')),
        failed.status !== 503 && h('p', null, this.t('kept')),
        again && h('button', { className: 'pri', onclick: () => this.pursue(again) }, this.t('retry')),
        close(this.t('close')));
    }
    const { balance, minimum, unit, daily_remaining: rest } = this.points;
    const most = Math.floor(Math.min(balance, rest) / unit) * unit;
    const head = [this.title(this.t('convert')),
      h('p', { className: 'mu' }, this.t('limits', this.pt(minimum), this.pt(unit), this.pt(rest)))];
    if (busy) {
      return h('section', { 'aria-busy': 'true', className: text }, ...head,
        h('button', { className: 'pri', disabled: true }, h('span', { className: 'spin' }), this.t(text)),
        (note || calm) && h('p', null, this.t(note || 'calm')));
    }
    if (most < minimum) {
      const few = rest < minimum ? this.t('tomorrow') : this.t('few', this.pt(minimum - balance));
      return h('section', null, ...head, h('p', null, few));
    }
    return h('section', null, ...head, ...this.inputs(most));
  }

  inputs(most) {
    const { balance, minimum, unit, worth, daily_remaining: rest } = this.points;
    const error = h('p', { className: 'er', id: 'e', role: 'alert' });
    const preview = h('p');
    const submit = h('button', { className: 'pri' }, this.t('submit'));
    const input = h('input', { type: 'number', inputMode: 'numeric', step: unit, min: minimum, max: most,
      'aria-label': this.t('amount'), 'aria-describedby': 'e' });
    const wrong = (v) => !Number.isInteger(v) ? this.t('number') : v < minimum ? this.t('minimum', this.pt(minimum))
      : v % unit ? this.t('unit', this.pt(unit)) : v > balance ? this.t('short', this.pt(most))
        : v > rest ? this.t('today', this.pt(rest)) : '';
    const presets = [...new Set([minimum, unit * 5, unit * 10, most])].filter((v) => v >= minimum && v <= most);
    const chips = presets.sort((a, b) => a - b).map((v) =>
      h('button', { type: 'button', onclick: () => set(v) }, this.n(v)));
    const set = (v) => {
      if (v !== undefined) input.value = v;
      const now = input.value === '' ? NaN : +input.value;
      const bad = wrong(now);
      error.textContent = bad;
      input.setAttribute('aria-invalid', !!bad);
      submit.disabled = !!bad;
      const value = { amount: (worth.amount / balance) * now, currency: worth.currency };
      preview.textContent = bad ? '' : this.t('preview', this.pt(now), this.money(value), this.pt(balance - now));
      chips.forEach((chip, i) => chip.setAttribute('aria-pressed', presets[i] === now));
    };
    const by = (d) => () => set(Math.min(most, Math.max(minimum, (+input.value || 0) + d)));
    input.oninput = () => set();
    const step = h('div', { className: 'step' },
      h('button', { type: 'button', 'aria-label': this.t('less'), onclick: by(-unit) }, '−'), input,
      h('button', { type: 'button', 'aria-label': this.t('more'), onclick: by(unit) }, '+'));
    const onsubmit = (event) => {
      event.preventDefault();
      if (wrong(+input.value)) return;
      submit.disabled = true;
      this.convert(+input.value);
    };
    set(Math.min(most, Math.max(minimum, unit * 5)));
    return [h('form', { className: 'set', noValidate: true, onsubmit },
      h('div', { className: 'chips' }, chips), step, error, preview, submit)];
  }

  list(name, page, row) {
    const more = page.next_cursor && h('button', { onclick: async () => {
      const next = await this.call(`${name}?cursor=${encodeURIComponent(page.next_cursor)}`);
      if (next.status === 200) {
        page.items.push(...next.data.items);
        page.next_cursor = next.data.next_cursor;
        this.render();
      }
    } }, this.t('next'));
    return h('section', { className: name }, h('h3', null, this.t(name)), page.items.length
      ? h('ul', null, page.items.map(row, this)) : h('p', { className: 'mu' }, this.t('none')), more);
  }

  coupon(c) {
    return h('li', null, h('div', { className: 'row' }, h('code', null, c.code),
      h('span', { className: `tag ${c.status}` }, this.t(`s-${c.status}`))),
    h('div', { className: 'row' }, h('span', null, this.money(c.amount), ' ',
      h('span', { className: 'mu' }, this.t('until', this.day(c.expires_at)))),
    c.status === 'active' && this.copy(c.code)), c.undo_until && this.undo(c.code));
  }

  /** Asked twice; then the same key until there is an end, so that one wish is one act. */
  undo(code) {
    const note = h('p', { className: 'mu', role: 'status' });
    const send = async () => {
      yes.disabled = true;
      yes.textContent = this.t('busy');
      for (;;) {
        let got = { status: 0, wait: 1 };
        try { got = await this.call(`coupons/${code}/cancel`, `undo-${code}`); } catch { /* again */ }
        if (got.status && got.status !== 202) {
          const said = got.status === 200 ? this.t('undone') : got.data.detail || this.t('broken');
          if (this.card?.done?.coupon.code === code) this.card = null;
          await this.refresh();
          this.main.querySelector('.coupons h3')?.after(h('p', { role: 'status' }, said));
          return;
        }
        await new Promise((next) => setTimeout(next, 1000 * got.wait));
      }
    };
    const yes = h('button', { className: 'undo-yes', onclick: send }, this.t('yes'));
    const no = h('button', { onclick: () => box.replaceChildren(ask) }, this.t('close'));
    const ask = h('button', { className: 'undo', onclick: () => {
      note.textContent = this.t('sure');
      box.replaceChildren(note, no, yes);
      no.focus();
    } }, this.t('undo'));
    const box = h('div', { className: 'row' }, ask);
    return box;
  }

  move(m) {
    const kind = m.reference.split('-')[0];
    const other = m.linked_to && this.moves.items.find((one) => one.reference === m.linked_to);
    return h('li', { className: m.linked_to ? 'pair' : '' }, h('div', { className: 'row' },
      h('span', null, this.t(kind)), h('span', { className: 'n' }, `${m.points > 0 ? '+' : ''}${this.n(m.points)}`)),
    h('p', { className: 'mu' }, this.day(m.at), m.balance == null ? '' : ` · ${this.pt(m.balance)}`),
    other && h('p', { className: 'mu' }, this.t(m.points > 0 ? 'forth' : 'back', this.day(other.at))));
  }
}
customElements.define('kaeru-points', KaeruPoints);
})();
