/** TensorFlow.js, WebAssembly backend: our optimised float graph with the fused operators that a converted GraphModel uses. */
import type { Engine, Host } from "../contenders.ts";

interface Node { op: string; inputs: string[]; outputs: string[]; attributes: any }
interface Net { nodes: Node[]; inputs: string[]; outputs: string[]; shapes: Record<string, number[]>; constants: Record<string, { at: number; shape: number[] }> }
const FOLDER = "@tensorflow/tfjs-backend-wasm/dist/";

async function library(host: Host): Promise<any> {
  const node = host.name === "node", loaded = await host.script(node ? "@tensorflow/tfjs" : "@tensorflow/tfjs/dist/tf.min.js"), tf = node ? loaded as any : (globalThis as any).tf;
  const backend = await host.script(node ? "@tensorflow/tfjs-backend-wasm" : `${FOLDER}tf-backend-wasm.min.js`), wasm = node ? backend as any : tf.wasm;
  wasm.setWasmPaths(node ? new URL(`${host.packages}${FOLDER}`).pathname : `${host.packages}${FOLDER}`);
  wasm.setThreadsCount(1);
  tf.enableProdMode();
  await tf.setBackend("wasm");
  await tf.ready();
  return tf;
}

const activation = ([lo, hi]: [number | null, number | null]) => (lo === 0 && hi === 6 ? "relu6" : lo === 0 ? "relu" : "linear");

export async function start(host: Host): Promise<Engine> {
  const tf = await library(host);
  return {
    async open(entry) {
      const net = JSON.parse(new TextDecoder().decode(await host.read(`${entry.name}.tfjs.json`))) as Net, bytes = await host.read(`${entry.name}.tfjs.bin`), all = new Float32Array(bytes.slice().buffer);
      const constants = new Map<string, any>(Object.entries(net.constants).map(([name, { at, shape }]) => [name, tf.tensor(all.subarray(at, at + shape.reduce((a, b) => a * b, 1)), shape)]));
      const steps = net.nodes.map((node) => stepOf(tf, node, net, constants));
      const infer = (x: unknown) => {
        const values = new Map<string, any>([[net.inputs[0]!, tf.tensor(x, net.shapes[net.inputs[0]!])]]);
        for (const [i, step] of steps.entries()) values.set(net.nodes[i]!.outputs[0]!, step(...net.nodes[i]!.inputs.map((n) => values.get(n))));
        return values.get(net.outputs[0]!);
      };
      return {
        run(x) {
          const y = tf.tidy(() => infer(x)), values = y.dataSync();
          y.dispose();
          return values;
        },
        close: () => constants.forEach((t) => t.dispose()),
      };
    },
  };
}

/** What a node does with its inputs; weights are brought into TensorFlow's order here, once. */
function stepOf(tf: any, node: Node, net: Net, constants: Map<string, any>): (...inputs: any[]) => any {
  const { attributes: a, inputs: [, second = "", third = ""] } = node, shape = net.shapes[node.outputs[0]!]!, bias = constants.get(third);
  switch (node.op) {
    case "conv2d": return convolution(tf, node, net, constants.get(second), bias);
    case "dense": {
      const w = tf.transpose(constants.get(second)), act = activation(a.clamp);
      return (x) => tf.fused.matMul({ a: x.rank === 2 ? x : x.reshape([-1, w.shape[0]]), b: w, bias, activation: act }).reshape(shape);
    }
    case "add": return (x, y) => (activation(a.clamp) === "relu" ? tf.relu(tf.add(x, y)) : tf.add(x, y));
    case "averagePool2d": return (x) => tf.avgPool(x, a.kernel, a.stride, "valid");
    case "reduceMean": return (x) => tf.mean(x, a.axes, a.keepDims);
    case "reshape": return (x) => x.reshape(a.shape);
    case "transpose": return (x) => tf.transpose(x, a.perm);
    case "softmax": return (x) => tf.softmax(x);
    default: throw new Error(`no ${node.op}`);
  }
}

function convolution(tf: any, { attributes: a, inputs }: Node, net: Net, w: any, bias: any): (x: any) => any {
  const x = net.shapes[inputs[0]!]!, [, KH, KW] = w.shape, same = [0, 1].every((i) => {
    const size = x[1 + i]!, total = Math.max((Math.ceil(size / a.stride[i]) - 1) * a.stride[i] + [KH, KW][i] - size, 0);
    return a.pad[i] === Math.floor(total / 2) && a.pad[2 + i] === total - a.pad[i];
  });
  const none = a.pad.every((p: number) => p === 0), pad = same ? "same" : "valid", [top, left, bottom, right] = a.pad;
  const common = { strides: a.stride, pad, bias, activation: activation(a.clamp) }, before = (t: any) => (same || none ? t : tf.pad(t, [[0, 0], [top, bottom], [left, right], [0, 0]]));
  if (a.groups === 1) {
    const filter = tf.transpose(w, [1, 2, 3, 0]);
    return (t) => tf.fused.conv2d({ ...common, x: before(t), filter });
  }
  const filter = tf.transpose(w, [1, 2, 0, 3]).reshape([KH, KW, a.groups, w.shape[0] / a.groups]);
  return (t) => tf.fused.depthwiseConv2d({ ...common, x: before(t), filter });
}
