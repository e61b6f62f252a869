//! Rust: fine-tuning through the reactor, with wasmi, an interpreter for small devices.
//! train TRAIN-KERNELS.wasm MODEL.octavo OUT.octavo LABEL… < SAMPLES.f32    (raw float32, a sample per label)
use std::error::Error;
use std::io::Read;
use wasmi::{Engine, Instance, Linker, Module, Store, WasmParams, WasmResults};

const STEPS: usize = 20;
const LEARNING_RATE: f32 = 0.01;
const HASH: std::ops::Range<usize> = 96..128;
const PAGE: usize = 65536;

fn call<P: WasmParams, R: WasmResults>(store: &mut Store<()>, instance: &Instance, name: &str, params: P) -> Result<R, wasmi::Error> {
    instance.get_typed_func::<P, R>(&*store, name)?.call(store, params)
}

fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [kernels, model, out, labels @ ..] = words.as_slice() else { return Err("usage: train TRAIN-KERNELS.wasm MODEL.octavo OUT.octavo LABEL… < SAMPLES.f32".into()) };
    let mut labels = labels.iter().map(|l| l.parse()).collect::<Result<Vec<f32>, _>>()?;
    let (mut file, mut samples) = (std::fs::read(model)?, Vec::new());
    std::io::stdin().read_to_end(&mut samples)?;

    let engine = Engine::default();
    let module = Module::new(&engine, &std::fs::read(kernels)?[..])?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate_and_start(&mut store, &module)?;
    let memory = instance.get_memory(&store, "memory").ok_or("the kernels export no memory")?;

    let at: i32 = call(&mut store, &instance, "octavo_alloc", file.len() as i32)?;
    memory.write(&mut store, at as usize, &file)?;
    if call::<_, i32>(&mut store, &instance, "octavo_load", (at, file.len() as i32))? != 0 {
        return Err("the model is refused".into());
    }
    if call::<_, i32>(&mut store, &instance, "octavo_train_start", ())? != 0 {
        return Err("the model does not train: convert it with --trainable".into());
    }
    let rows = call::<_, i32>(&mut store, &instance, "octavo_train_batch", ())? as usize;

    // As many samples as are taken at a time; a call uses them up. Rows that are missing are zero and count nothing.
    let (given, size) = (labels.len(), samples.len() / labels.len());
    let mut weights = vec![1.0 / given as f32; given];
    let padded = given.div_ceil(rows) * rows;
    weights.resize(padded, 0.0);
    labels.resize(padded, 0.0);
    samples.resize(size * padded, 0);
    let (hyper, input): (i32, i32) = (call(&mut store, &instance, "octavo_train_hyper", ())?, call(&mut store, &instance, "octavo_train_input", 0)?);
    memory.write(&mut store, hyper as usize + 4, &LEARNING_RATE.to_le_bytes())?;
    for step in 0..STEPS {
        let mut loss = 0.0;
        for first in (0..padded).step_by(rows) {
            memory.write(&mut store, input as usize, &samples[size * first..size * (first + rows)])?;
            for (name, values) in [("octavo_train_labels", &labels), ("octavo_train_weights", &weights)] {
                let to: i32 = call(&mut store, &instance, name, ())?;
                memory.write(&mut store, to as usize, &bytes_of(&values[first..first + rows]))?;
            }
            loss += call::<_, f32>(&mut store, &instance, "octavo_train_gradient", ())?; // added to those of the samples before
        }
        if !loss.is_finite() || call::<_, i32>(&mut store, &instance, "octavo_train_update", ())? == 0 {
            return Err("loss or gradients are not finite".into());
        }
        eprintln!("step {step}: loss {loss}");
    }
    if call::<_, i32>(&mut store, &instance, "octavo_commit", ())? != 0 {
        return Err("the trained model is refused".into());
    }

    // The model of now replaces the first bytes of the file; its hash is computed with its own bytes zero, in memory that is grown for that.
    let image = call::<_, i32>(&mut store, &instance, "octavo_save", ())? as usize;
    memory.read(&store, at as usize, &mut file[..image])?;
    file[HASH].fill(0);
    let room = memory.data_size(&store);
    memory.grow(&mut store, (file.len() + HASH.len()).div_ceil(PAGE) as _)?;
    memory.write(&mut store, room, &file)?;
    call::<_, ()>(&mut store, &instance, "octavo_sha256", (room as i32, file.len() as i32, (room + file.len()) as i32))?;
    memory.read(&store, room + file.len(), &mut file[HASH])?;
    std::fs::write(out, &file)?;
    Ok(())
}
