//! Rust: the reactor through wasmi, an interpreter for small devices.
//! octavo-host KERNELS.wasm MODEL.octavo < INPUT.f32 > OUTPUT.f32    (raw float32, one sample)
use std::error::Error;
use std::io::{Read, Write};
use wasmi::{Engine, Instance, Linker, Module, Store, WasmParams, WasmResults};

const INPUT: u32 = 0;
const OUTPUT: u32 = 1;

fn word(file: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(file[at..at + 4].try_into().unwrap())
}

/// Size of the first input or output: docs/model-file.md, section io.
fn port_bytes(file: &[u8], kind: u32) -> Option<usize> {
    let (io, length) = (word(file, 40) as usize, word(file, 44) as usize);
    (io..io + length).step_by(32).find(|&port| word(file, port) == kind).map(|port| word(file, port + 12) as usize)
}

fn call<P: WasmParams, R: WasmResults>(store: &mut Store<()>, instance: &Instance, name: &str, params: P) -> Result<R, wasmi::Error> {
    instance.get_typed_func::<P, R>(&*store, name)?.call(store, params)
}

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let [kernels, model] = paths.as_slice() else { return Err("usage: octavo-host KERNELS.wasm MODEL.octavo < INPUT.f32 > OUTPUT.f32".into()) };
    let (file, mut input) = (std::fs::read(model)?, Vec::new());
    std::io::stdin().read_to_end(&mut input)?;

    let engine = Engine::default();
    let module = Module::new(&engine, &std::fs::read(kernels)?[..])?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate_and_start(&mut store, &module)?;
    let memory = instance.get_memory(&store, "memory").ok_or("the kernels export no memory")?;

    let at: i32 = call(&mut store, &instance, "octavo_alloc", file.len() as i32)?;
    memory.write(&mut store, at as usize, &file)?;
    let code: i32 = call(&mut store, &instance, "octavo_load", (at, file.len() as i32))?;
    if code != 0 {
        let length: i32 = call(&mut store, &instance, "octavo_error", (at, 256))?;
        let mut text = vec![0; length as usize];
        memory.read(&store, at as usize, &mut text)?;
        return Err(format!("the model is refused: {}", String::from_utf8_lossy(&text)).into());
    }
    if Some(input.len()) != port_bytes(&file, INPUT) {
        return Err(format!("the input has {} bytes, expected {:?}", input.len(), port_bytes(&file, INPUT)).into());
    }
    let x: i32 = call(&mut store, &instance, "octavo_input", 0)?;
    memory.write(&mut store, x as usize, &input)?;
    call::<(), ()>(&mut store, &instance, "octavo_run", ())?;
    let y: i32 = call(&mut store, &instance, "octavo_output", 0)?;
    let mut output = vec![0; port_bytes(&file, OUTPUT).ok_or("the model has no output")?];
    memory.read(&store, y as usize, &mut output)?;
    std::io::stdout().write_all(&output)?;
    Ok(())
}
