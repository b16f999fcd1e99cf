// A single-page application in a nutshell: it reads the address, its configuration and the API.
document.getElementById("shown").textContent = location.pathname;
const config = await (await fetch("/config.json")).json();
document.getElementById("config").textContent = config.apiBaseUrl || "same origin";
const versions = await (await fetch(`${config.apiBaseUrl}/api/versions`)).text();
document.getElementById("api").textContent = versions.match(/<Version>[^<]*/g).join(" ");
