/** An instance of the training module that holds the model, with views of what the trainer reads and writes. */
import type { Build } from "../build.ts";
import { OctavoError } from "../errors.ts";
import { ABI, loadInto } from "../load.ts";
import { instantiate } from "../loader.ts";
import { parseModelFile, type ModelFile } from "../model-file.ts";
import type { TrainExports } from "./exports.ts";
import { HYPER_BYTES } from "./hyper.ts";
import { trainingOf, type TrainingInfo } from "./info.ts";

const product = (shape: readonly number[]) => shape.reduce((n, d) => n * d, 1);

/** Sizes are those of one sample: `outputSize` numbers in rows of `classes`. */
export interface Task { info: TrainingInfo; inputSizes: number[]; outputSize: number; classes: number; rows: number; labelSize: number }

export function taskOf(file: ModelFile, info: TrainingInfo): Task {
  const { shape } = info.outputs[0]!, outputSize = product(shape), classes = shape.at(-1) ?? 1, rows = outputSize / Math.max(1, classes);
  return { info, inputSizes: file.metadata.inputs.map((p) => product(p.shape)), outputSize, classes, rows, labelSize: info.labels === "index" ? rows : outputSize };
}

const tooLarge = (bytes: number, maxMemory: number) => new OctavoError("ERR_OCTAVO_MEMORY",
  `train: training needs ${bytes} bytes of memory, maxMemory is ${maxMemory}. Convert with a smaller --train-batch or fewer trainable layers, or raise the limit.`);

export class Memory {
  readonly file: ModelFile;
  readonly task: Task;
  /** f32 [part, …] */
  readonly inputs: readonly Float32Array[];
  readonly output: Float32Array;
  readonly labels: Float32Array;
  /** f32 [part]: what each row's loss counts. */
  readonly weights: Float32Array;
  readonly hyper: DataView;
  /** hyperparameters │ masters │ gradients │ optimizer slots */
  readonly state: Uint8Array;
  readonly masters: Float32Array;
  readonly gradients: Float32Array;
  private readonly exports: TrainExports;

  /** @throws OctavoError ERR_OCTAVO_FORMAT, ERR_OCTAVO_MEMORY */
  constructor(bytes: Uint8Array, build: Build, maxMemory = Infinity) {
    const file = this.file = parseModelFile(bytes, ABI), info = trainingOf(file.metadata), task = this.task = taskOf(file, info), { batch, part, count, memory } = info, memoryBytes = file.memoryBytes + memory.total;
    if (memoryBytes > maxMemory) throw tooLarge(memoryBytes, maxMemory);
    const e = this.exports = instantiate(build.module()) as TrainExports;
    loadInto(e, { ...file, memoryBytes }, build.name);
    const { buffer } = e.memory;
    const code = e.octavo_train_start(), lies = (problem: string) => new OctavoError("ERR_OCTAVO_FORMAT", `train: "${file.metadata.name}": ${problem}. Convert the model again.`);
    if (code) throw lies(`its training programs are refused (code ${code})`);
    if (e.octavo_train_batch() !== part || e.octavo_train_step_rows() !== batch || e.octavo_train_state_bytes() !== memory.state || HYPER_BYTES + 4 * count * (2 + info.slots) !== memory.state) throw lies("metadata.training contradicts the training programs");
    const floats = (at: number, length: number) => {
      if (at && at + 4 * length <= buffer.byteLength) return new Float32Array(buffer, at, length);
      throw lies("its shapes reach outside the training memory");
    };
    this.inputs = task.inputSizes.map((size, i) => floats(e.octavo_train_input(i), part * size));
    this.output = floats(e.octavo_train_output(0), part * task.outputSize);
    this.labels = floats(e.octavo_train_labels(), part * task.labelSize);
    this.weights = floats(e.octavo_train_weights(), part);
    this.hyper = new DataView(buffer, e.octavo_train_hyper(), HYPER_BYTES);
    this.state = new Uint8Array(buffer, e.octavo_train_state(), memory.state);
    this.masters = floats(e.octavo_train_masters(), count);
    this.gradients = floats(e.octavo_train_gradients(), count);
  }

  /** The loss of the rows that stand there; gradients stay. */
  forward(): number {
    return this.exports.octavo_train_forward();
  }

  /** The loss of the rows that stand there; their gradients are added to those of before. */
  gradient(): number {
    return this.exports.octavo_train_gradient();
  }

  /** One step of the optimizer; false: a gradient is not finite, nothing was changed. Gradients are zero afterwards. */
  update(): boolean {
    const done = this.exports.octavo_train_update() !== 0;
    if (!done) this.gradients.fill(0);
    return done;
  }

  /** Writes the masters into the weights of `infer`: the image of the new model, a view. */
  commit(): Uint8Array {
    const code = this.exports.octavo_commit();
    if (code) throw new OctavoError("ERR_OCTAVO_FORMAT", `commit: the program is refused (code ${code}). Convert the model again.`);
    return new Uint8Array(this.exports.memory.buffer, this.file.base, this.file.image.length);
  }
}
