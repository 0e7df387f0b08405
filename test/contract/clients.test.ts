import { describe } from "vitest";
import { testClients } from "./clients.ts";

describe("the contract, on provider clients over node:http", () => testClients());
