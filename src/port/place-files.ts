/** Files as a place sees them. */
import type { Place } from "./places.ts";

export interface PlaceFiles {
  /** Names in a folder, sorted; none when there is no such folder. */
  list(place: Place, folder: string): readonly string[];
  /** Its text, undefined when there is no such file. */
  read(place: Place, file: string): string | undefined;
  isExecutable(place: Place, file: string): boolean;
}
