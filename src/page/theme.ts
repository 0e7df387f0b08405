/** Light or dark, before the first paint: the person's choice, else the system's. A script of its own, that blocks. */

const theme = localStorage.getItem("cloudllm.theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
