/** Loaded before each test file of a soak: properties that name no number of cases are tried as many times more often. */
import fc from "fast-check";
import { runs } from "../src/testing/runs.ts";

/** What fast-check takes where nothing is said. */
const DEFAULT_RUNS = 100;

fc.configureGlobal({ ...fc.readConfigureGlobal(), numRuns: runs(DEFAULT_RUNS) });
