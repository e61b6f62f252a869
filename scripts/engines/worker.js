// workerd: a model file in, its digest out.
import { load } from "octavo";

export default {
  async fetch(request) {
    return new Response((await load(await request.arrayBuffer())).selfTest().digest);
  },
};
