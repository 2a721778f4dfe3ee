# SPDX-License-Identifier: MIT
"""An NMI at every instruction of the switcher's page, in either view.

The machine runs cases of the suite that take every way through the switcher. A
breakpoint stands on each instruction of its text; where the CPU stops, QEMU is
told to raise an NMI, which is taken before that instruction, and the machine
goes on. Afterwards every instruction has had its NMI, except those listed
here with their reasons; as many NMIs were counted as were raised; and all cases
passed.
"""
import re
import subprocess

import vmlib
from gdbstub import GdbStub

SW_TEXT = 0xffe00000
CASES = ("hc.registers_kept,tr.int_n_ring1,tr.int_n_ring3,tr.de,tr.ud,tr.nm,"
         "tr.np,tr.ss,tr.gp,tr.pf_read,tr.mf,fl.single_step,sg.cs_gone,"
         "sg.cs_absent,sg.ss_absent,sg.stale_selectors,sg.user_segments_gone,"
         "fl.irq_model,fl.iret_with_nt,db.on_execution,db.on_data")

# Vectors without a source: hardware that this machine has not got raises none
# of 33 to 255 but the timer's and the serial line's; and below 32:
NO_SOURCE = {
    2: "the NMI's own path: NMIs are blocked there",
    8: "a double fault beside a guest ends the monitor",
    15: "reserved, and closed to software",
    17: "QEMU has no alignment check",
    18: "the machine check's own path",
    21: "no control-flow enforcement, and closed to software",
}
# Routine -> reason why no NMI can be taken anywhere in it.
EXEMPT = {
    "stub_nmi": NO_SOURCE[2],
    "stub_mce": NO_SOURCE[18],
    "stub_df": NO_SOURCE[8],
    "fatal": "the monitor's own mistake",
}
# Routine -> reason for the part behind its way to the monitor: what follows
# is for the same trap taken at ring 0.
EXEMPT_AT_RING_0 = {
    "stub_fault_10": "no task switch, so no #TS at ring 0",
    "stub_fault_12": "QEMU's iret raises #NP for an absent SS",
    "stub_pf": "a page fault at ring 0 is the monitor's own mistake",
    "stub_db": "#DB at ring 0: only real hardware defers it there",
}
# A guest that has a breakpoint enters and leaves by more instructions than others.
ARMED = ("switcher_enter_armed", "to_host")


def run(*command):
    return subprocess.run(command, capture_output=True, text=True,
                          check=True).stdout


def switcher_code():
    """{address at SW_TEXT: (routine, instruction, behind its way to the
    monitor)}, padding left out."""
    names = {n: int(a, 16) for a, n in
             re.findall(r"^([0-9a-f]{8}) \w (\S+)$", run("nm", vmlib.ELF), re.M)}
    start, end = names["switcher_text_start"], names["switcher_text_end"]
    labels = {a: n for n, a in names.items()
              if start <= a < end and not re.search(r"[@.]|_text_start", n)}
    text = run("objdump", "-d", "-w", "-j", ".switcher",
               f"--start-address={start}", f"--stop-address={end}", vmlib.ELF)
    code, label, dead, behind = {}, "?", False, False
    for m in re.finditer(r"^\s*([0-9a-f]+):\t(?:[0-9a-f]{2} )+\s*\t(.*)$", text,
                         re.M):
        at, insn = int(m.group(1), 16), m.group(2).strip()
        if at in labels:
            label, dead, behind = labels[at], False, False
        if dead and insn == "nop":
            continue  # between two stubs
        code[at - start + SW_TEXT] = (label, insn, behind)
        dead = insn.startswith("jmp")
        behind = behind or dead and "to_host" in insn
    return code


def stub_vector(address, code, stub_bytes=9):
    base = next(a for a, c in code.items() if c[0] == "switcher_stubs")
    vector = (address - base) // stub_bytes
    return vector if 0 <= vector < 256 else None


def exempt(address, code, seen_vectors):
    """Why no NMI can be taken there, or None."""
    label, _, behind = code[address]
    vector = stub_vector(address, code)
    if vector is None:
        return EXEMPT.get(label) or behind and EXEMPT_AT_RING_0.get(label)
    if vector >= 32 and vector not in seen_vectors:
        return "no hardware here raises this vector"
    return NO_SOURCE.get(vector)


def next_stop(stub, vm):
    """False: the suite is done."""
    stub.go()
    while not stub.stopped(2):
        vm.quiet(0.1)
        if "(RS) suite done" in vm.text or "(RS) PANIC" in vm.text:
            return False
    return True


def sweep(stub, vm, code):
    """Raises one NMI at each address that is reached. The breakpoint stays, so
    the machine stops there again when the NMI has been handled: with the same
    registers, CR2 and CR3. Returns the addresses, the number of NMIs and
    what was different."""
    todo, hits, wrong = set(code), set(), []
    for at in todo:
        stub.breakpoint(at)
    while todo and next_stop(stub, vm):
        before = stub.registers()
        at = before["eip"]
        if at not in todo:
            continue
        stub.monitor("nmi")
        if not next_stop(stub, vm):
            wrong.append(f"{at:#x} {code[at]}: no return")
            break
        after = stub.registers()
        wrong += [f"{at:#x} {code[at]}: {r} {before[r]:#x} -> {after[r]:#x}"
                  for r in before if before[r] != after[r]]
        hits.add(at)
        todo.discard(at)
        stub.breakpoint(at, on=False)
    if todo and not wrong:
        stub.interrupt() # the machine runs
    for at in todo:
        stub.breakpoint(at, on=False)
    return hits, wrong


def test_nmi_at_every_instruction(tmp_path):
    code = switcher_code()
    assert len(code) > 500
    swept = {at: c for at, c in code.items() if c[0] not in EXEMPT and
             stub_vector(at, code) not in (2, 8, 18)}
    sock = str(tmp_path / "gdb")
    extra = ["-S", "-gdb", f"unix:path={sock},server=on,wait=off"]
    with vmlib.boot(f"test={CASES} watchdog=0 exit=wait", extra=extra,
                    cpu="max", timeout=300) as vm:
        stub = GdbStub(sock)
        hits, wrong = sweep(stub, vm, swept)
        stub.detach()
        assert not wrong, "\n".join(wrong)
        assert "(RS) suite done rc=0" in vm.text, vmlib.tail(vm.text, 60)
        vm.send("\x010")
        vm.quiet(0.5)
        vm.send("stats\r")
        counted = int(re.search(r"nmi (\d+)", vm.quiet(1)).group(1))
    seen = {stub_vector(at, code) for at in hits}
    left = [at for at in sorted(set(swept) - hits) if not exempt(at, code, seen)]
    print(f"{len(code)} instructions, {len(hits)} reached, {counted} NMIs counted")
    assert not left, [f"{at:#x} {code[at]}" for at in left]
    assert counted == len(hits)


def address_of(symbol):
    return int(re.search(rf"^([0-9a-f]{{8}}) \w {symbol}$", run("nm", vmlib.ELF),
                         re.M).group(1), 16)


def test_nmi_with_a_breakpoint_on_its_handler(tmp_path):
    """The guest has breakpoints on the first byte that the handler of an NMI in the
    switcher has: the monitor must have put them away before it gets there."""
    code = {at: c for at, c in switcher_code().items() if c[0] in ARMED}
    sock = str(tmp_path / "gdb")
    extra = ["-S", "-gdb", f"unix:path={sock},server=on,wait=off"]
    with vmlib.boot(f"test=db.on_a_symbol seed={address_of('nmi_in_switcher'):#x} "
                    "watchdog=0 exit=wait", extra=extra, cpu="max",
                    timeout=200) as vm:
        stub = GdbStub(sock)
        stub.go()
        vm.expect("armed on", timeout=60)
        stub.interrupt()
        hits, wrong = sweep(stub, vm, code)
        stub.detach()
        vm.expect(r"suite done rc=0", timeout=60)
        assert not wrong, "\n".join(wrong)
        assert "PANIC" not in vm.text
    assert hits == set(code), [code[at] for at in set(code) - hits]
