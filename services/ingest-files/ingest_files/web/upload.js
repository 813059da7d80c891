"use strict";
// Posts a file to where the service says, shows how far it is, and goes to its result.

const form = document.getElementById("upload");
const status = document.getElementById("status");
const bar = document.getElementById("bar");
const button = form.querySelector("button");

function say(text, wrong) {
  status.textContent = text;
  status.classList.toggle("wrong", Boolean(wrong));
}

// Only the ways that the chosen entry allows can be chosen.
function offerWays() {
  const entry = form.elements.entry.selectedOptions[0];
  const allowed = entry ? entry.dataset.ways.split(" ") : [];
  const way = form.elements.way;
  for (const option of way.options) option.hidden = option.disabled = !allowed.includes(option.value);
  if (!allowed.includes(way.value)) way.value = allowed[0];
}

async function ask(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": form.elements.csrf.value },
    body: JSON.stringify(body),
    credentials: "same-origin",
  });
  const told = await answer.json().catch(() => ({}));
  if (answer.ok || told.code === "upload-state") return told;
  throw new Error(told.title || "平台没有应答，请稍后重试");
}

function post(url, fields, file) {
  return new Promise((resolve, reject) => {
    const data = new FormData();
    for (const [name, value] of Object.entries(fields)) data.append(name, value);
    data.append("file", file);
    const request = new XMLHttpRequest();
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      bar.max = event.total;
      bar.value = event.loaded;
      say(`已上传 ${Math.floor((event.loaded * 100) / event.total)}%`);
    });
    request.addEventListener("load", () =>
      request.status < 300 ? resolve() : reject(new Error("对象存储拒绝了这个文件")),
    );
    request.addEventListener("error", () => reject(new Error("上传中断，请重试")));
    request.open("POST", url);
    request.send(data);
  });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const file = form.elements.file.files[0];
  if (!file) return say("请选择文件", true);
  const most = Number(form.dataset.most);
  if (file.size > most) return say(`文件超过 ${Math.floor(most / 1048576)} MiB，请用命令行上传`, true);
  button.disabled = true;
  bar.hidden = false;
  try {
    say("开始上传");
    const { entry, way } = form.elements;
    const begun = await ask("/pages/uploads", { entry: entry.value, name: file.name, size: file.size, way: way.value });
    await post(begun.url, begun.fields, file);
    await ask(`/pages/uploads/${begun.upload.id}/completion`, {});
    location.assign(`/pages/uploads/${begun.upload.id}`);
  } catch (error) {
    say(error.message, true);
    bar.hidden = true;
    button.disabled = false;
    form.elements.file.focus();
  }
});

form.elements.entry.addEventListener("change", offerWays);
offerWays();
// Until here the form would be sent as it stands.
button.disabled = false;
