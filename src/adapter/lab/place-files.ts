/** Files of places: the thread enters for each call. */
import fs from "node:fs";
import type { PlaceFiles } from "../../port/place-files.ts";
import type { Place } from "../../port/places.ts";

const isMissing = (failure: unknown): boolean =>
  ["ENOENT", "ENOTDIR"].includes((failure as NodeJS.ErrnoException).code ?? "");

export const placeFiles: PlaceFiles = {
  list: (place: Place, folder: string) =>
    place.run(() => {
      try {
        return fs.readdirSync(folder).sort();
      } catch (failure) {
        if (isMissing(failure)) return [];
        throw failure;
      }
    }),
  read: (place: Place, file: string) =>
    place.run(() => {
      try {
        return fs.readFileSync(file, "utf8");
      } catch (failure) {
        if (isMissing(failure)) return undefined;
        throw failure;
      }
    }),
  isExecutable: (place: Place, file: string) =>
    place.run(() => {
      try {
        fs.accessSync(file, fs.constants.X_OK);
        return true;
      } catch (failure) {
        if (isMissing(failure) || (failure as NodeJS.ErrnoException).code === "EACCES") return false;
        throw failure;
      }
    }),
};
