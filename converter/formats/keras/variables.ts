/**
 * Where a file keeps the variables of a layer.
 * - named: .h5 of Keras 2 and 3 and TF.js list variables as "layer/…/kernel";
 * - by position: model.weights.h5 of .keras has layers/conv2d_1/vars/0, layers named by class and counted.
 */
import { modelError } from "../../ir/error.ts";
import type { Hdf5Object } from "../wire/hdf5.ts";

export interface Weight { name: string; shape: number[]; data: Float32Array }

/** The variables of one layer, or of a part of it. */
export interface Variables {
  /** Variables in Keras' order; undefined where the file has none of that name. */
  take(names: string[]): (Weight | undefined)[];
  /** Of the part that a wrapper holds: `layer`, `cell`, `forward_layer`, `backward_layer`. */
  part(role: string): Variables;
  /** Of each cell of a stack. */
  cells(classNames: readonly string[]): Variables[];
  /** Of the layers of a model. */
  layers(layers: readonly { name: string; className: string }[]): Map<string, Variables>;
}

export interface NamedWeight { path: string[]; leaf: string; load: () => Weight }

/** "dense/kernel:0" → path [dense], leaf kernel. */
export function namedWeight(name: string, load: () => Weight): NamedWeight {
  const parts = name.replace(/:\d+$/, "").split("/").filter(Boolean);
  return { path: parts.slice(0, -1), leaf: parts.at(-1) ?? "", load };
}

/** @param occurrence which one of several variables with the same name: cells of a stack follow each other */
// Keras 3 calls the kernel of a depthwise convolution "kernel" in .h5 files.
export function namedVariables(weights: readonly NamedWeight[], occurrence = 0): Variables {
  const called = (name: string) => {
    const exact = weights.filter((w) => w.leaf === name);
    const loose = exact.length ? exact : weights.filter((w) => w.leaf.replace(/_\d+$/, "") === name);
    return loose.length || name !== "depthwise_kernel" ? loose : weights.filter((w) => w.leaf === "kernel");
  };
  return {
    take: (names) => names.map((name) => called(name)[occurrence]?.load()),
    part: (role) => {
      if (!/^(forward|backward)_/.test(role)) return namedVariables(weights, occurrence);
      const forward = weights.filter((w) => w.path.some((p) => p.startsWith("forward_")));
      return namedVariables(role.startsWith("forward") ? forward : weights.filter((w) => !forward.includes(w)), occurrence);
    },
    cells: (classNames) => classNames.map((_, i) => namedVariables(weights, i)),
    layers: (layers) => new Map(layers.map(({ name }) =>
      [name, namedVariables(weights.filter((w) => `/${w.path.join("/")}/`.includes(`/${name}/`)))])),
  };
}

/** Layers of an .h5 file: one group each, with the list `weight_names`. */
export function groupedVariables(root: Hdf5Object): Variables {
  const none = namedVariables([]);
  return {
    take: () => [],
    part: () => none,
    cells: () => [],
    layers: (layers) => new Map(layers.map(({ name }) => [name, namedVariables(weightsOfGroup(root, name))])),
  };
}

function weightsOfGroup(root: Hdf5Object, name: string): NamedWeight[] {
  const group = root.at(name);
  if (!group) return [];
  return listAttribute(group, "weight_names").map((weight) => namedWeight(weight, () => {
    const dataset = group.at(weight);
    if (!dataset?.isDataset) {
      throw modelError("ERR_OCTAVO_FORMAT", "keras", `layer "${name}"`, `its variable "${weight}" is missing from the file`, "Save the model again.");
    }
    return readWeight(dataset);
  }));
}

/** Lists beyond 64 KB are split into name0, name1, … */
export function listAttribute(group: Hdf5Object, name: string): string[] {
  const whole = group.attribute(name), parts: string[] = [];
  if (whole) return Array.from(whole.data as ArrayLike<unknown>, String);
  for (let i = 0; ; i++) {
    const part = group.attribute(`${name}${i}`);
    if (!part) return parts;
    parts.push(...Array.from(part.data as ArrayLike<unknown>, String));
  }
}

function readWeight(dataset: Hdf5Object): Weight {
  const { shape, data } = dataset.read();
  if (Array.isArray(data)) {
    throw modelError("ERR_OCTAVO_DTYPE", "keras", `variable "${dataset.path}"`, "it holds texts, expected numbers",
      "Save the model without layers that hold texts.");
  }
  return { name: dataset.path, shape, data: data instanceof Float32Array ? data : Float32Array.from(data) };
}

/** Variables by position, below a group of model.weights.h5; an absent group has none. */
export function treeVariables(group: Hdf5Object | undefined): Variables {
  return {
    take: (names) => names.map((_, i) => {
      const dataset = group?.at(`vars/${i}`);
      return dataset?.isDataset ? readWeight(dataset) : undefined;
    }),
    part: (role) => treeVariables(group?.at(role)),
    cells: (classNames) => membersOf(group?.at("cells"), classNames, false),
    layers: (layers) => {
      const doubled = group?.at("_layer_checkpoint_dependencies");
      const members = membersOf(doubled ?? group?.at("layers"), layers.map((l) => l.className), doubled !== undefined);
      return new Map(layers.map(({ name }, i) => [name, members[i]!]));
    },
  };
}

/** Members are named by class and counted: lstm, dense, lstm_1. `gaps`: Keras 2.13 skips numbers, their order is right. */
function membersOf(list: Hdf5Object | undefined, classNames: readonly string[], gaps: boolean): Variables[] {
  const counts = new Map<string, number>();
  return classNames.map((className) => {
    const stem = snakeCase(className), count = counts.get(stem) ?? 0;
    counts.set(stem, count + 1);
    const name = gaps ? ordered(list!, stem)[count] : count ? `${stem}_${count}` : stem;
    return treeVariables(name === undefined ? undefined : list?.at(name));
  });
}

const numberOf = (name: string) => Number(/_(\d+)$/.exec(name)?.[1] ?? 0);

const ordered = (group: Hdf5Object, stem: string): string[] =>
  group.members().filter((m) => m === stem || new RegExp(`^${stem}_\\d+$`).test(m)).sort((a, b) => numberOf(a) - numberOf(b));

/** Keras' own rule: Conv2D → conv2d, LSTMCell → lstm_cell, ReLU → re_lu. */
export const snakeCase = (name: string): string =>
  name.replace(/\W+/g, "").replace(/(.)([A-Z][a-z]+)/g, "$1_$2").replace(/([a-z])([A-Z])/g, "$1_$2").toLowerCase();
