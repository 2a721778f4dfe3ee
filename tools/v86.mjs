// SPDX-License-Identifier: MIT
// Boots a multiboot1 ELF in v86 under Node and copies its first serial port to
// standard output. Called by tools/run-v86; v86 is an ES module of npm's, so this
// one file is no Python.
//   node v86.mjs V86_FOLDER ELF MEBIBYTES SECONDS UNTIL WORDS...
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, elf, megs, seconds, until, ...words] = process.argv.slice(2);
const { V86 } = await import(pathToFileURL(folder + "/build/libv86.mjs"));

// As an ArrayBuffer of its own: Node's small buffers share one.
function load(path) {
    const b = readFileSync(path);
    return { buffer: b.buffer.slice(b.byteOffset, b.byteOffset + b.length) };
}

const machine = new V86({
    wasm_path: folder + "/build/v86.wasm",
    bios: load("/usr/share/seabios/bios.bin"),
    vga_bios: load("/usr/share/seabios/vgabios-stdvga.bin"),
    memory_size: Number(megs) << 20,
    multiboot: load(elf),
    cmdline: words.join(" "),
    acpi: true, // without it there is no local APIC
    autostart: true,
});

const end = new RegExp(until);
let line = "", finished = false;

function finish(code) {
    if (finished) {
        return; // more bytes come until the line is written
    }
    finished = true;
    process.stdout.write(line + "\n", () => process.exit(code));
}

machine.add_listener("serial0-output-byte", (byte) => {
    const c = String.fromCharCode(byte);
    if (c === "\r") {
        return;
    }
    line += c;
    if (end.test(line)) {
        finish(0);
    } else if (c === "\n") {
        process.stdout.write(line);
        line = "";
    }
});
setTimeout(() => finish(1), Number(seconds) * 1000);
