// A job is one request. Its answer is lines of JSON, the last of which may announce bytes that
// follow it. To abort the request cancels the job.

const MOST_BYTES = Number(document.body.dataset.mostBytes);
const running = new Set();

class Refused extends Error {}

async function ask(head, files, control, tell) {
  const line = JSON.stringify({
    ...head,
    files: files.map((each) => ({ name: each.name, image: each === files[0] || isPicture(each) })),
    blobs: files.map((each) => each.size),
  });
  const body = new Blob([line, "\n", ...files]);
  if (body.size > MOST_BYTES) {
    throw new Refused(`more than ${MOST_BYTES >> 20} MiB were given: give smaller files`);
  }
  running.add(control);
  try {
    const headers = { "content-type": "application/octet-stream" };
    const options = { method: "POST", body, headers, signal: control.signal };
    return await answerOf(await fetch("job", options), tell);
  } catch (error) {
    if (error instanceof Refused || error.name === "AbortError") throw error;
    throw new Refused("there is no answer: see whether isn web still runs, and try again");
  } finally {
    running.delete(control);
  }
}

async function answerOf(response, tell) {
  const reader = response.body.getReader();
  let answer = {}, line = new Blob();
  const rest = [];
  for (;;) {
    let { done, value } = await reader.read();
    if (done) break;
    while (!answer.blobs && value.length) {
      const end = value.indexOf(10);
      line = new Blob([line, end < 0 ? value : value.subarray(0, end)]);
      value = end < 0 ? value.subarray(value.length) : value.subarray(end + 1);
      if (end < 0) break;
      answer = JSON.parse(await line.text());
      line = new Blob();
      if (answer.error) throw new Refused(answer.error);
      tell(answer);
    }
    rest.push(value);
  }
  const bytes = new Blob(rest);
  let start = 0;
  const blobs = (answer.blobs ?? []).map((size) => bytes.slice(start, (start += size)));
  if (bytes.size !== start) throw new Error("the answer broke off");
  return { answer, blobs };
}

// ------------------------------------------------------------------------------ small things

const all = (selector, within = document) => [...within.querySelectorAll(selector)];

function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function isPicture(file) {
  // A GIF moves and an SVG is a program: both are kept as files.
  return /^image\/(?!gif|svg)/.test(file.type) || /\.hei[cf]$/i.test(file.name);
}

function badge(file) {
  const [, suffix = "file"] = /\.(\w{1,4})$/.exec(file.name) ?? [];
  const made = make("b", { className: "badge", textContent: suffix });
  made.setAttribute("aria-hidden", "true");
  return made;
}

function size(bytes) {
  if (bytes < 1000) return `${bytes}\u00a0bytes`;
  return bytes < 1e6 ? `${Math.round(bytes / 1e3)}\u00a0kB` : `${(bytes / 1e6).toFixed(1)}\u00a0MB`;
}

function grade(decibels) {
  const [, word] = [[40, "excellent"], [32, "good"], [25, "fair"], [-Infinity, "poor"]]
    .find(([least]) => decibels >= least);
  return `${word}, ${decibels.toFixed(1)}\u00a0dB`;
}

function sentence(text) {
  // The name of a file that it begins with stays as it is.
  const first = /^[a-z]+(?:[ ,]|$)/.test(text) ? text.charAt(0).toUpperCase() : text.charAt(0);
  return `${first}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

// -------------------------------------------------------------------------------- the forms

class Form {
  constructor(form) {
    this.form = form;
    this.part = (selector) => form.querySelector(selector);
    this.job = this.part(".job");
    this.chosen = { host: [], secret: [] };
    this.shown = [];
    for (const input of all("input[type=file]", form)) this.listen(input);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.job.hidden) this.start();
    });
    this.part(".job button").addEventListener("click", () => this.control.abort());
    this.part("[name=show]").addEventListener("change", (event) => {
      form.passphrase.type = event.target.checked ? "text" : "password";
    });
  }

  listen(input) {
    const zone = input.parentElement;
    const take = (files) => {
      if (!files.length) return;
      const before = input.multiple ? this.chosen[input.name] : [];
      this.chosen[input.name] = [...before, ...files].slice(input.multiple ? 0 : -1);
      this.list(input);
    };
    input.addEventListener("change", () => {
      take([...input.files]);
      input.value = "";
    });
    zone.addEventListener("dragover", () => zone.classList.add("over"));
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      zone.classList.remove("over");
      take([...event.dataTransfer.files]);
    });
  }

  list(input) {
    const list = input.parentElement.nextElementSibling;
    for (const image of all("img", list)) URL.revokeObjectURL(image.src);
    list.replaceChildren(...this.chosen[input.name].map((file) => {
      const remove = make("button", { type: "button", textContent: "Remove" });
      remove.setAttribute("aria-label", `Remove ${file.name}`);
      remove.addEventListener("click", () => {
        this.chosen[input.name] = this.chosen[input.name].filter((each) => each !== file);
        this.list(input);
        input.focus();
      });
      const row = make("li", {}, make("span", { textContent: file.name }, make("small", { textContent: size(file.size) })), remove);
      if (isPicture(file)) {
        const image = make("img", { alt: "", src: URL.createObjectURL(file) });
        // Not every browser shows HEIC and TIFF.
        image.addEventListener("error", () => image.replaceWith(badge(file)));
        row.prepend(image);
      } else {
        row.prepend(badge(file));
      }
      return row;
    }));
    this.control?.abort();
    this.say("");
    this.part(".result").hidden = true;
    this.changed();
  }

  changed() {}

  say(text) {
    this.part(".error").textContent = text && sentence(text);
  }

  address(blob) {
    this.shown.push(URL.createObjectURL(blob));
    return this.shown.at(-1);
  }

  async start() {
    const missing = this.missing();
    if (missing) {
      this.say(missing);
      return;
    }
    const [bar, status] = [this.part("progress"), this.part(".job p")];
    const send = this.part("button.main");
    const head = { ...this.head(), passphrase: this.form.passphrase.value || null };
    this.control = new AbortController();
    const own = this.control;
    this.say("");
    this.part(".result").hidden = send.hidden = true;
    this.job.hidden = false;
    bar.removeAttribute("value");
    status.textContent = "Sending …";
    this.part(".job button").focus();
    this.shown.splice(0).forEach(URL.revokeObjectURL);
    try {
      const files = [...this.chosen.host, ...this.chosen.secret];
      const { answer, blobs } = await ask(head, files, own, (message) => {
        if (message.place) status.textContent = `Waiting: place ${message.place} in the line`;
        if (message.share === undefined) return;
        bar.value = message.share;
        // A reader is told when it begins, and not of every hundredth.
        if (status.textContent !== this.doing) status.textContent = this.doing;
      });
      const kinds = { png: "image/png", jpg: "image/jpeg" };
      const typed = (blob, name) => blob.slice(0, blob.size, kinds[name.split(".").pop()] ?? "application/octet-stream");
      this.show(answer, blobs, typed);
      this.part(".notes").replaceChildren(...answer.notes.map((note) => make("li", { textContent: sentence(note) })));
      this.part(".result").hidden = false;
      this.part(".result").focus({ preventScroll: true });
      this.part(".result").scrollIntoView({ block: "nearest" });
    } catch (error) {
      this.say(error instanceof Refused ? error.message : error.name === "AbortError" ? "cancelled" : `this page failed (${error.message}): load it again`);
    } finally {
      this.job.hidden = true;
      send.hidden = false;
      if (this.part(".result").hidden) send.focus();
    }
  }
}

class Hide extends Form {
  doing = "Hiding, and checking that it comes back …";

  constructor(form) {
    super(form);
    this.stage = this.part(".stage");
    this.part("[type=range]").addEventListener("input", (event) => {
      this.stage.style.setProperty("--at", `${event.target.value}%`);
    });
    this.part("[name=difference]").addEventListener("change", () => this.compare());
  }

  missing() {
    if (!this.chosen.host.length) return "no host was given: choose a picture";
    return this.chosen.secret.length ? "" : "nothing was given to hide: choose pictures or files";
  }

  start() {
    this.looking?.abort();
    // What was not foretold yet will not be now.
    for (const each of all(".wishes em", this.form)) each.textContent = each.textContent.replace(/\s*…$/, "");
    return super.start();
  }

  head() {
    return { task: "hide", wish: this.form.wish.value };
  }

  changed() {
    clearTimeout(this.timer);
    this.looking?.abort();
    for (const each of all(".wishes em", this.form)) each.textContent = "";
    if (this.chosen.host.length) this.timer = setTimeout(() => this.look(), 150);
  }

  async look() {
    this.looking = new AbortController();
    for (const each of all(".wishes em", this.form)) each.textContent = "…";
    try {
      const files = [...this.chosen.host, ...this.chosen.secret];
      await ask({ task: "look" }, files, this.looking, (message) => message.wish && this.foretell(message));
    } catch (error) {
      if (error.name === "AbortError") return;
      for (const each of all(".wishes em", this.form)) each.textContent = "";
      this.say(error.message);
    }
  }

  foretell({ wish, known, room, container, revealed, why }) {
    const told = this.part(`[value=${wish}] + span em`);
    const { secret } = this.chosen;
    const back = revealed !== null ? `Comes back ${grade(revealed)}` : secret.some(isPicture) ? "" : "Comes back exactly";
    told.classList.toggle("bad", Boolean(why));
    told.textContent = why ? sentence(why)
      : known ? [back, `container ${container.toFixed(1)}\u00a0dB`].filter(Boolean).join("; ")
      : `Room for ${size(room)}${secret.length ? " …" : ""}`;
  }

  show(answer, [file, ...pictures], typed) {
    [this.host, this.container, this.difference] = pictures.map((each) => this.address(typed(each, ".png")));
    this.part("[name=difference]").checked = false;
    this.compare();
    const link = this.part(".download");
    link.href = this.address(typed(file, answer.name));
    link.download = answer.name;
    link.textContent = `Download ${answer.name} (${size(file.size)})`;
    const back = answer.revealed.map((value, k) =>
      `${this.chosen.secret[k].name}: ${value === null ? "exactly" : grade(value)}`);
    this.part(".warnings").replaceChildren(...answer.warnings.map((each) => make("li", { textContent: sentence(each) })));
    this.part("figcaption").textContent =
      `The container is at ${answer.psnr.toFixed(1)} dB of its host. What comes back: ${back.join("; ")}.`;
  }

  compare() {
    const difference = this.part("[name=difference]").checked;
    const picture = this.part(".container");
    this.stage.classList.toggle("difference", difference);
    picture.src = difference ? this.difference : this.container;
    picture.alt = difference ? "The difference of container and host, fifty-fold" : "The container";
    this.part(".host").src = this.host;
  }
}

class Reveal extends Form {
  doing = "Revealing …";

  missing() {
    return this.chosen.host.length ? "" : "no container was given: choose one";
  }

  head() {
    return { task: "reveal" };
  }

  show(answer, blobs, typed) {
    this.part(".revealed").replaceChildren(...answer.items.map(({ name, image }, k) => {
      // Whatever a file says that it is, it is downloaded and never opened here.
      const href = this.address(typed(blobs[k], image ? name : ""));
      const link = make("a", { className: "main", href, download: name, textContent: `Download ${name} (${size(blobs[k].size)})` });
      return make("li", {}, ...(image ? [make("img", { src: href, alt: `Revealed picture ${name}` })] : []), link);
    }));
  }
}

// --------------------------------------------------------------------------------- the page

function turn() {
  const wanted = location.hash === "#reveal" ? "reveal" : "hide";
  for (const form of document.forms) form.hidden = form.id !== wanted;
  for (const link of all("nav a")) {
    if (link.hash === `#${wanted}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  scrollTo(0, 0);
}

new Hide(document.forms.hide);
new Reveal(document.forms.reveal);
addEventListener("hashchange", turn);
turn();
// What misses its place must not take the page away.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
addEventListener("pagehide", () => running.forEach((control) => control.abort()));
