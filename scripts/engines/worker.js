// workerd: a model file in, its digest out; a form with a model file and a data set: what training makes of it.
import { load } from "octavo";
import { trainer } from "octavo/train";
import { datasetOf, trainedDigest } from "./training.mjs";

async function trained(form) {
  const [model, x, labels] = await Promise.all(["model", "x", "labels"].map(async (name) => new Uint8Array(await form.get(name).arrayBuffer())));
  return trainedDigest(await load(model), trainer, datasetOf(x, labels));
}

export default {
  async fetch(request) {
    if (request.headers.get("content-type")?.startsWith("multipart/form-data")) return new Response(await trained(await request.formData()));
    return new Response((await load(await request.arrayBuffer())).selfTest().digest);
  },
};
