package skew

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Supported says whether clocks can be set on this kind of machine.
const Supported = true

// Skew is a process with a clock of its own. Its methods may be called from one goroutine at a time.
type Skew struct {
	memory *os.File
	cell   int64 // address of the offset in seconds
}

// clock is the function that takes the place of __vdso_clock_gettime(edi clock, rsi timespec). Registers that it uses are the
// caller's to save (System V ABI).
var clock = []byte{
	0xB8, 0xE4, 0x00, 0x00, 0x00, // mov eax, SYS_clock_gettime
	0x0F, 0x05, // syscall
	0x85, 0xFF, // test edi, edi: CLOCK_REALTIME is 0
	0x75, 0x14, // jnz ret
	0x48, 0x8B, 0x0C, 0x24, // mov rcx, [rsp]: who calls
	0x48, 0xC1, 0xE9, 0x28, // shr rcx, 40: the C library lies high, the program low
	0x75, 0x0A, // jnz ret
	0x48, 0x8B, 0x0D, 0x04, 0x00, 0x00, 0x00, // mov rcx, [rip+4]: the cell
	0x48, 0x01, 0x0E, // add [rsi], rcx
	0xC3, // ret
}

// cellAt is the cell's place behind the function's begin: rip+4 of the load above.
const cellAt = 32

// Take takes over the clock of a process, which must be this one's child or root's to change. It must not be
// position-independent, as Go programs are not by default.
func Take(pid int) (*Skew, error) {
	begin, end, err := vdso(pid)
	if err != nil {
		return nil, err
	}
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open the process's memory: %w", err)
	}
	image := make([]byte, end-begin)
	at, err := func() (int64, error) {
		if _, err := memory.ReadAt(image, begin); err != nil {
			return 0, err
		}
		return function(image)
	}()
	if err != nil {
		memory.Close()
		return nil, fmt.Errorf("find the clock in the process's memory: %w", err)
	}
	code := append(bytes.Clone(clock), make([]byte, cellAt+8-len(clock))...)
	// No thread may be inside while it changes: all are stopped, and one that was inside would go on in the middle of other
	// code, so it is looked that none is.
	if err := patch(pid, memory, begin+at, end, code); err != nil {
		memory.Close()
		return nil, err
	}
	return &Skew{memory: memory, cell: begin + at + cellAt}, nil
}

// Set moves the process's wall clock this far from the machine's, in whole seconds.
func (s *Skew) Set(by time.Duration) error {
	var cell [8]byte
	binary.LittleEndian.PutUint64(cell[:], uint64(int64(by/time.Second)))
	if _, err := s.memory.WriteAt(cell[:], s.cell); err != nil {
		return fmt.Errorf("set the process's clock: %w", err)
	}
	return nil
}

// Close leaves the process with the clock it has.
func (s *Skew) Close() error { return s.memory.Close() }

func vdso(pid int) (begin, end int64, err error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("read the process's map: %w", err)
	}
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, "[vdso]") {
			if _, err := fmt.Sscanf(line, "%x-%x", &begin, &end); err != nil {
				return 0, 0, fmt.Errorf("parse the process's map: %w", err)
			}
			return begin, end, nil
		}
	}
	return 0, 0, errors.New("the process has no vdso")
}

// function is where the clock's function stands in the image of the vdso.
func function(image []byte) (int64, error) {
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return 0, err
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return 0, err
	}
	for _, s := range symbols {
		if s.Name == "__vdso_clock_gettime" {
			if s.Size < cellAt+8 {
				return 0, fmt.Errorf("it has %d bytes, too few", s.Size)
			}
			return int64(s.Value), nil
		}
	}
	return 0, errors.New("there is none")
}

// patch writes the code while every thread of the process is stopped outside of the vdso.
func patch(pid int, memory *os.File, at, end int64, code []byte) error {
	for range 100 {
		if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
			return fmt.Errorf("stop the process: %w", err)
		}
		inside, err := anyInside(pid, at, end)
		if err == nil && !inside {
			_, err = memory.WriteAt(code, at)
		}
		if e := unix.Kill(pid, unix.SIGCONT); err == nil {
			err = e
		}
		if err != nil {
			return fmt.Errorf("write the process's clock: %w", err)
		}
		if !inside {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return errors.New("write the process's clock: it is always being read")
}

// anyInside waits until all threads are stopped and says whether one is between the addresses.
func anyInside(pid int, from, to int64) (bool, error) {
	tasks := fmt.Sprintf("/proc/%d/task", pid)
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		entries, err := os.ReadDir(tasks)
		if err != nil {
			return false, err
		}
		stopped, inside := true, false
		for _, e := range entries {
			stat, err := os.ReadFile(tasks + "/" + e.Name() + "/stat")
			if err != nil {
				continue // it has ended
			}
			// proc(5): pid (comm) state … ; the 30th field is the instruction pointer, shown only of a stopped process that may be traced.
			_, rest, _ := strings.Cut(string(stat), ") ")
			fields := strings.Fields(rest)
			if len(fields) < 28 || fields[0] != "T" {
				stopped = false
				break
			}
			var ip int64
			if _, err := fmt.Sscan(fields[27], &ip); err != nil {
				return false, err
			}
			inside = inside || ip >= from && ip < to
		}
		if stopped {
			return inside, nil
		}
		if time.Now().After(deadline) {
			return false, errors.New("its threads do not stop")
		}
	}
}
