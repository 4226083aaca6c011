package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// asProgram makes the test binary be gpusc, so that tests can start and kill it.
const asProgram = "GPUSC_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"gpusc": main})
}

// program is gpusc with these arguments, not started yet.
func program(args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), asProgram+"=1")
	return c
}

// call runs gpusc to its end.
func call(args ...string) (status int, out, words string, err error) {
	c := program(args...)
	var o, e bytes.Buffer
	c.Stdout, c.Stderr = &o, &e
	err = c.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return c.ProcessState.ExitCode(), o.String(), e.String(), err
}

// TestScript runs the sessions of testdata/script.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", ContinueOnError: true,
		Condition: func(cond string) (bool, error) {
			if cond != "root" {
				return false, fmt.Errorf("there is no condition %q", cond)
			}
			return os.Getuid() == 0, nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"fails": scriptFails, "keys": scriptKeys, "narrow": scriptNarrow, "sum": scriptSum,
		},
	})
}

// scriptFails wants an exit status, and one line that begins with "gpusc: ":
//
//	fails 2 gpusc run --ouput x
func scriptFails(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	words := ts.ReadFile("stderr")
	if got != want {
		ts.Fatalf("exit status %d, not %d: %s", got, want, words)
	}
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(words), "\n"), func(s string) bool { return strings.HasPrefix(s, "warning: ") })
	if len(lines) != 1 || !strings.HasPrefix(lines[0], "gpusc: ") {
		ts.Fatalf("the error is not one line:\n%s", words)
	}
}

// scriptKeys wants exactly these keys at a place of a JSON file (. is the top,
// a.0 the first element of a).
func scriptKeys(ts *testscript.TestScript, _ bool, args []string) {
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &v))
	for _, p := range strings.FieldsFunc(args[1], func(r rune) bool { return r == '.' }) {
		switch x := v.(type) {
		case map[string]any:
			v = x[p]
		case []any:
			i, err := strconv.Atoi(p)
			ts.Check(err)
			v = x[i]
		}
	}
	m, ok := v.(map[string]any)
	if !ok {
		ts.Fatalf("%s of %s is no object", args[1], args[0])
	}
	var got []string
	for k := range m {
		got = append(got, k)
	}
	slices.Sort(got)
	want := slices.Sorted(slices.Values(args[2:]))
	if !slices.Equal(got, want) {
		ts.Fatalf("%s of %s has the keys %v, not %v", args[1], args[0], got, want)
	}
}

// scriptNarrow wants no line of a file to be wider than 80 columns.
func scriptNarrow(ts *testscript.TestScript, _ bool, args []string) {
	for l := range strings.SplitSeq(ts.ReadFile(args[0]), "\n") {
		if len([]rune(l)) > helpWidth {
			ts.Fatalf("wider than %d columns: %s", helpWidth, l)
		}
	}
}

// scriptSum wants two files to be equal, or with ! to differ.
func scriptSum(ts *testscript.TestScript, neg bool, args []string) {
	if same := ts.ReadFile(args[0]) == ts.ReadFile(args[1]); same == neg {
		ts.Fatalf("%s and %s: the same is %v", args[0], args[1], same)
	}
}

// TestHelp wants of every command's help: usage, two examples, exit status, and
// lines that fit.
func TestHelp(t *testing.T) {
	var out bytes.Buffer
	for _, c := range newRoot(&out, &out).Commands() {
		t.Run(c.Name(), func(t *testing.T) {
			var b, e bytes.Buffer
			if code := run([]string{c.Name(), "--help"}, &b, &e); code != 0 || e.Len() > 0 {
				t.Fatalf("exit status %d, %s", code, e.String())
			}
			var viaHelp bytes.Buffer
			if run([]string{"help", c.Name()}, &viaHelp, &e); viaHelp.String() != b.String() {
				t.Error("help COMMAND and COMMAND --help differ")
			}
			s := b.String()
			_, rest, _ := strings.Cut(s, "\nExamples:\n")
			examples, _, _ := strings.Cut(rest, "\n\n")
			if n := strings.Count("\n"+examples, "\n  gpusc ") + strings.Count(examples, "(gpusc "); n != 2 {
				t.Errorf("%d examples, not 2:\n%s", n, examples)
			}
			for _, want := range []string{"\nUsage:\n  gpusc " + c.Name(), exitHelp, "--memory SIZE"} {
				if !strings.Contains(s, want) {
					t.Errorf("no %q in:\n%s", want, s)
				}
			}
			for l := range strings.SplitSeq(s, "\n") {
				if len([]rune(l)) > helpWidth {
					t.Error("too wide: " + l)
				}
			}
			if strings.Contains(s, "tbd") {
				t.Error("the help is not written yet")
			}
		})
	}
}

// TestExamples wants the flags of every example to exist.
func TestExamples(t *testing.T) {
	root := newRoot(&bytes.Buffer{}, &bytes.Buffer{})
	for _, c := range root.Commands() {
		for _, w := range strings.Fields(c.Example) {
			name, isFlag := strings.CutPrefix(w, "--")
			name, _, _ = strings.Cut(name, "=")
			if isFlag && c.Flags().Lookup(name) == nil && root.PersistentFlags().Lookup(name) == nil && name != "version" {
				t.Errorf("%s: the example has --%s, which is no flag", c.Name(), name)
			}
		}
	}
}
