/** A page that does nothing: what the browser itself takes. */
import { tell } from "./tell.ts";

tell(0);
