/** The shared .tflite files: real models against their ONNX twins and references, suites of others, odd files. */
import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { onnx } from "../../converter/formats/onnx.ts";
import { tflite } from "../../converter/formats/tflite.ts";
import { OctavoError } from "../../converter/ir/error.ts";
import { evaluate } from "../../converter/ir/eval.ts";
import { sizeOf, tensorOf, type Graph, type TypedArray } from "../../converter/ir/graph.ts";
import { optimise } from "../../converter/optimise/index.ts";
import { readNpy } from "../../targets/cli/npy.ts";
import { random } from "./mutations.ts";
import { absent, hasShared, sharedBytes, sharedPath } from "./shared.ts";

const readTflite = async (path: string, options = {}): Promise<Graph> => tflite.read(sharedBytes(path), options);
const readOnnx = async (path: string): Promise<Graph> => onnx.read(sharedBytes(path), {});

const run = (g: Graph, inputs: TypedArray[]): TypedArray => evaluate(g, new Map(g.inputs.map((name, i) => [name, inputs[i]!])), { keep: new Set(g.outputs) }).get(g.outputs[0]!)!;
const noise = (size: number, next: () => number): Float32Array => Float32Array.from({ length: size }, () => 4 * next() - 2);
const range = (y: TypedArray): number => Math.max(...y) - Math.min(...y);
const difference = (a: TypedArray, b: TypedArray): number => Math.max(...Array.from(a, (v, i) => Math.abs(v - b[i]!)));
const best = (y: ArrayLike<number>): number => Array.from(y).reduce((top, v, i) => (v > y[top]! ? i : top), 0);

/** x [N,H,W,C] → [N,C,H,W] */
function channelsFirst(x: TypedArray, [N, H, W, C]: number[]): Float32Array {
  const y = new Float32Array(x.length);
  for (let n = 0; n < N!; n++) for (let p = 0; p < H! * W!; p++) for (let c = 0; c < C!; c++) y[(n * C! + c) * H! * W! + p] = x[(n * H! * W! + p) * C! + c]!;
  return y;
}

test.skipIf(hasShared)(`shared models: ${absent}`);

describe.skipIf(!hasShared)("float models and their ONNX twins", () => {
  for (const name of ["kws", "resnet8", "vww", "ad", "strww", "person", "mnistlstm", "speechlstm"]) {
    test(`${name} gives the same answers`, async () => {
      const a = await readTflite(`models/${name}_fp32.tflite`), b = await readOnnx(`models/${name}_fp32.onnx`), { shape } = tensorOf(a, a.inputs[0]!), next = random(7);
      for (let k = 0; k < 2; k++) {
        const x = noise(sizeOf(shape), next), y = run(a, [x]), twin = run(b, [shape.length === 4 ? channelsFirst(x, shape) : x]);
        expect(difference(y, twin)).toBeLessThan(1e-4 * range(twin));
      }
    });

    test(`${name} becomes the same graph`, async () => {
      const [a, b] = [await readTflite(`models/${name}_fp32.tflite`), await readOnnx(`models/${name}_fp32.onnx`)].map((g) => layers(optimise(g)));
      expect(a).toEqual(b);
    });
  }

  test("dtln remembers like its twin, whose states are inputs and outputs", async () => {
    const a = await readTflite("models/dtln_fp32.tflite", { stateful: true }), b = await readOnnx("models/dtln_fp32.onnx"), next = random(8);
    expect(a.states.length).toBe(4);
    let states = new Map(a.states.map((s) => [s.input, s.initial])), twins = new Map(b.inputs.slice(1).map((name) => [name, new Float32Array(128) as TypedArray]));
    for (let frame = 0; frame < 5; frame++) {
      const x = noise(257, next), y = evaluate(a, new Map([[a.inputs[0]!, x], ...states])), twin = evaluate(b, new Map([[b.inputs[0]!, x], ...twins]));
      expect(difference(y.get(a.outputs[0]!)!, twin.get(b.outputs[0]!)!)).toBeLessThan(1e-4);
      states = new Map(a.states.map((s) => [s.input, y.get(s.output)!]));
      twins = new Map(b.inputs.slice(1).map((name) => [name, twin.get(`${name}_out`)!]));
    }
  });
});

/**
 * What a graph computes: operators with the shapes they give, without the turn of the picture that a channels-first
 * input needs. The step of a window that fits once says nothing.
 */
function layers(g: Graph): string[] {
  const outside = new Set(g.inputs.filter((i) => tensorOf(g, i).shape.length === 4));
  const entrance = (n: Graph["nodes"][number]) => (n.op === "transpose" || n.op === "reshape") && outside.has(n.inputs[0]!) && outside.add(n.outputs[0]!);
  return g.nodes.filter((n) => !entrance(n)).map((n) => {
    const shapes = [...n.inputs.slice(1).filter(Boolean), n.outputs.find(Boolean)!].map((t) => tensorOf(g, t).shape.join("×"));
    const { pad, dilation, groups, clamp, axis } = n.attributes as Record<string, unknown>;
    return [n.op, ...shapes, String(pad), String(dilation), String(groups), String(clamp), String(axis)].join(" ");
  });
}

describe.skipIf(!hasShared)("quantized models", () => {
  test("kws finds as many of 200 words as TFLite's reference kernels: 183 (901 of all 1000)", async () => {
    const g = await readTflite("models/kws_int8.tflite"), x = new Int8Array(sharedBytes("data/kws01.bin").buffer), labels = sharedBytes("data/kws01_labels.u8").subarray(0, 200);
    const hits = labels.reduce((n, label, i) => n + (best(run(g, [x.subarray(490 * i, 490 * (i + 1))])) === label ? 1 : 0), 0);
    expect(Math.abs(hits - 183)).toBeLessThanOrEqual(1);
  });

  test("Keras' converter: float, dynamic range and int8 of one model", async () => {
    const npy = (name: string) => readNpy(sharedBytes(`models/keras/cnn_bn/reference-${name}.npy`), name), x = npy("input"), y = npy("output"), count = x.shape[0]!, size = x.data.length / count;
    const worst = (g: Graph, limit: number) => {
      for (let i = 0; i < count; i += 4) {
        const wanted = Float32Array.from(y.data.subarray(10 * i, 10 * i + 10)), input = Float32Array.from(x.data.subarray(size * i, size * (i + 1)));
        expect(difference(real(g, g.outputs[0]!, run(g, [stored(g, g.inputs[0]!, input)])), wanted)).toBeLessThan(limit);
      }
    };
    worst(await readTflite("models/keras/cnn_bn/cnn_bn-float.tflite"), 1e-5);
    worst(await readTflite("models/keras/cnn_bn/cnn_bn-dynamic.tflite"), 0.05);
    worst(await readTflite("models/keras/cnn_bn/cnn_bn-int8.tflite"), 0.1);
  });

  for (const name of ["mnistlstm", "speechlstm", "dtln"]) {
    test(`${name} int8 has what exact integer execution needs`, async () => {
      const g = optimise(await readTflite(`models/${name}_int8.tflite`));
      for (const n of g.nodes.filter((n) => n.op === "lstm")) {
        const [x, w, r, b] = n.inputs.map((i) => tensorOf(g, i)), [y, h, c] = n.outputs.map((o) => tensorOf(g, o));
        expect([x, w, r, b, y, h, c].map((t) => t!.dtype)).toEqual(["int8", "int8", "int8", "int32", "int8", "int8", "int16"]);
        expect([w, r].map((t) => [t!.quantization!.axis, t!.quantization!.scale.length])).toEqual([[1, w!.shape[1]], [1, w!.shape[1]]]);
        expect(Number.isInteger(Math.log2(c!.quantization!.scale[0]!))).toBe(true);
        expect(h!.quantization!.scale[0]).toBeGreaterThan(0);
      }
    });
  }
});

const stored = (g: Graph, name: string, x: Float32Array): TypedArray => {
  const q = tensorOf(g, name).quantization;
  return q ? Int8Array.from(x, (v) => Math.max(-128, Math.min(127, Math.round(v / q.scale[0]!) + q.zeroPoint[0]!))) : x;
};
const real = (g: Graph, name: string, y: TypedArray): TypedArray => {
  const q = tensorOf(g, name).quantization;
  return q ? Float32Array.from(y, (v) => q.scale[0]! * (v - q.zeroPoint[0]!)) : y;
};

describe.skipIf(!hasShared)("tflm-seanet: int16 layers, golden values of the reference kernels", () => {
  const root = "conformance/tflm-seanet", numbers = (path: string) => new TextDecoder().decode(sharedBytes(path)).trim().split(/[,\n]/).map(Number);
  for (const family of hasShared ? readdirSync(sharedPath(root)) : []) {
    test(family, async () => {
      const files = readdirSync(sharedPath(`${root}/${family}`)), models = files.filter((f) => f.endsWith(".tflite"));
      expect(models.length).toBeGreaterThan(0);
      for (const file of models) {
        const g = await readTflite(`${root}/${family}/${file}`), find = (what: string) => numbers(`${root}/${family}/${files.find((f) => f.startsWith(`${file.replace(".tflite", "")}_${what}`))}`);
        const inputs = g.inputs.map((name, i) => (tensorOf(g, name).dtype === "int16" ? Int16Array : Int32Array).from(find(`input${i}_`)));
        const y = run(g, inputs), golden = Int32Array.from(find("golden")), wide = tensorOf(g, g.outputs[0]!).dtype === "int32";
        expect(y.length).toBe(golden.length);
        expect(difference(y, golden), file).toBeLessThanOrEqual(wide ? 2 ** -23 * range(golden) : 1);
      }
    });
  }
});

describe.skipIf(!hasShared)("litert-models: odd and malformed files", () => {
  const files = hasShared ? readdirSync(sharedPath("conformance/litert-models"), { recursive: true }).map(String).filter((f) => /\.(tflite|bin)$/.test(f)) : [];
  for (const file of files) {
    test(file.split("/").at(-1)!, async () => {
      const start = performance.now();
      const result = await readTflite(`conformance/litert-models/${file}`).catch((e: unknown) => e);
      expect(performance.now() - start).toBeLessThan(2000);
      if (!(result instanceof OctavoError)) return expect((result as Graph).outputs.length).toBeGreaterThan(0);
      expect(result.message).toMatch(/^tflite: .+: .+\. [A-Z].+\.$/);
    });
  }

  test("those that TFLite runs without custom operators, strings or dynamic shapes are read", async () => {
    const outcomes = await Promise.all(files.map(async (f) => [f.split("/").at(-1)!, await readTflite(`conformance/litert-models/${f}`).then(() => "read", (e: OctavoError) => e.code)] as const));
    const read = outcomes.filter(([, o]) => o === "read").map(([f]) => f);
    const must = ["add.bin", "add_quantized_int8.bin", "call_once_mul.bin", "multi_add.bin", "multi_signatures.bin", "multi_subgraphs_while.bin", "reverse_signature_model.bin", "zero_size_constant.bin", "simple_group_norm_op.tflite", "fallback_model.tflite", "matmul_quant.tflite"];
    expect(read).toEqual(expect.arrayContaining(must));
  });
});
