"use strict";

const picker = document.getElementById("document");
const form = document.getElementById("login");
const logout = document.getElementById("logout");
const who = document.getElementById("who");

// Kept in this page alone: it is gone when the page is.
let token = "";
let ui;

const version = () => picker.value.split("-")[1];

function authorize() {
  if (token) {
    ui.preauthorizeApiKey("Bearer", token);
  }
}

// The API answers nothing without a version; operations without a body have no media type to choose.
function withVersion(request) {
  const given = Object.keys(request.headers).find((name) => name.toLowerCase() === "accept");
  const accept = request.headers[given] ?? "*/*";
  if (!accept.includes("version=")) {
    delete request.headers[given];
    request.headers.Accept = `${accept};version=${version()}`;
  }
  return request;
}

async function show() {
  const wanted = picker.value;
  const answer = await fetch(`/openapi/${wanted}.json`);
  const spec = await answer.json();
  if (picker.value !== wanted) {
    return;
  }
  // Where this page came from, even if others reach the server under another name.
  spec.servers = [{ url: location.origin }];
  ui = SwaggerUIBundle({
    spec,
    dom_id: "#explorer",
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    docExpansion: "none",
    filter: true,
    onComplete: authorize,
    requestInterceptor: withVersion,
    tryItOutEnabled: true,
    validatorUrl: null,
  });
}

function bearer(method, path, authorization) {
  const headers = { Accept: `application/json;version=${version()}`, Authorization: authorization };
  return fetch(path, { method, headers });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const [user, org, password] = ["user", "org", "password"].map((id) => document.getElementById(id));
  const login = new TextEncoder().encode(`${user.value}@${org.value}:${password.value}`);
  const provider = org.value.toLowerCase() === "system" ? "/provider" : "";
  const answer = await bearer(
    "POST", `/cloudapi/1.0.0/sessions${provider}`, `Basic ${btoa(String.fromCharCode(...login))}`,
  );
  password.value = "";
  if (!answer.ok) {
    who.textContent = answer.status === 401 ? "This login is not known." : `The login failed: ${answer.status}.`;
    return;
  }
  token = answer.headers.get("x-vmware-vcloud-access-token");
  const session = await answer.json();
  who.textContent = `${session.user.name} of ${session.org.name}`;
  form.hidden = true;
  logout.hidden = false;
  authorize();
});

logout.addEventListener("click", async () => {
  await bearer("DELETE", "/cloudapi/1.0.0/sessions/current", `Bearer ${token}`);
  token = "";
  ui.authActions.logout(["Bearer"]);
  who.textContent = "";
  form.hidden = false;
  logout.hidden = true;
});

picker.addEventListener("change", () => {
  history.replaceState(null, "", `?document=${picker.value}`);
  show();
});

const asked = new URLSearchParams(location.search).get("document");
if ([...picker.options].some((option) => option.value === asked)) {
  picker.value = asked;
}
show();
