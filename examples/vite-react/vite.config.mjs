import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  server: { proxy: { "/api/chat": "http://127.0.0.1:8787" } }, // of `server.mjs`
  resolve: { dedupe: ["react"] }, // `cloudllm` is a link to the repository here, which has no React
});
