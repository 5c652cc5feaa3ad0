package frontdesk_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/line-frontdesk/frontdesk"

// Imports go one way, and every package but engine is kept from the store.
// docs/architecture.md has the map.
func TestImports(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && name != "." || entry.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		files++
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			file := filepath.ToSlash(name)
			if why := forbidden(path.Dir(file), imported, strings.HasSuffix(file, "_test.go")); why != "" {
				t.Errorf("%s imports %s: %s", file, imported, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Errorf("only %d files were seen: the test does not run at the root of the module", files)
	}
}

// forbidden returns why a package, named by its folder, must not import another,
// or "". Tests may put any parts together, but do without the store's own.
func forbidden(folder, imported string, test bool) string {
	if strings.HasPrefix(imported, "github.com/nats-io/") && folder != "internal/engine" && folder != "internal/engine/enginetest" {
		return "only internal/engine knows NATS"
	}
	own, ok := strings.CutPrefix(imported, module)
	if !ok || test {
		return ""
	}
	own = strings.TrimPrefix(own, "/")
	to := func(folders ...string) bool {
		for _, f := range folders {
			if own == f || strings.HasPrefix(own, f+"/") {
				return true
			}
		}
		return false
	}
	root := own == ""
	switch {
	case folder == ".":
		return "the root package is vocabulary and stands alone"
	case to("cmd"):
		return "commands are not imported"
	case strings.HasPrefix(folder, "cmd/"):
		return ""
	case folder == "line" || folder == "line/rule" || folder == "web":
		return "it stands alone, for use by others"
	case folder == "linesim":
		if !to("line/rule") {
			return "it stands alone, for use by others; only LINE's rules are not its own"
		}
	case folder == "desktest" || strings.HasPrefix(folder, "bots/"):
		if !root && !to("line") {
			return "it may import the root package and line"
		}
	case strings.HasPrefix(folder, "examples/"):
		if to("internal") {
			return "an example has what every reader has"
		}
	case folder == "internal/engine" || folder == "internal/engine/enginetest":
		return "the store knows nobody"
	case strings.HasPrefix(folder, "internal/bench"):
		if to("cmd") {
			return "it may import everything but commands"
		}
	case strings.HasPrefix(folder, "internal/"):
		if !root && !to("line", "internal/engine") && !to(folder) {
			return "packages of internal import the root package, line and internal/engine; the server introduces them to each other"
		}
	case folder == "server":
		if !root && !to("line", "web", "internal") || to("internal/bench") {
			return "it may import the root package, line, web and internal"
		}
	default:
		return "this folder is not on the map yet: add it to TestImports"
	}
	return ""
}

func TestForbidden(t *testing.T) {
	for _, tc := range []struct {
		folder, imported string
		test, ok         bool
	}{
		{".", module + "/server", false, false},
		{".", module + "/internal/engine", false, false},
		{".", module + "/server", true, true},
		{".", "context", false, true},
		{".", "github.com/nats-io/nats.go", true, false},
		{"internal/dispatch", module + "/internal/engine", false, true},
		{"internal/dispatch", module + "/internal/outbox", false, false},
		{"internal/dispatch", module, false, true},
		{"internal/dispatch", module + "/server", false, false},
		{"internal/dispatch", "github.com/nats-io/nats.go/jetstream", false, false},
		{"internal/engine", "github.com/nats-io/nats.go/jetstream", false, true},
		{"internal/engine", module, false, false},
		{"server", module + "/internal/outbox", false, true},
		{"server", module + "/cmd/frontdesk", false, false},
		{"server", module + "/linesim", false, false},
		{"line", module, false, false},
		{"web", module + "/internal/room", false, false},
		{"server", module + "/web", false, true},
		{"linesim", module + "/line", false, false},
		{"linesim", module + "/line/rule", false, true},
		{"line", module + "/line/rule", false, false},
		{"line/rule", module + "/line", false, false},
		{"bots/parrot", module, false, true},
		{"bots/parrot", module + "/server", false, false},
		{"cmd/frontdesk", module + "/linesim", false, true},
		{"examples/hello", module + "/server", false, true},
		{"examples/hello", module + "/internal/engine", false, false},
		{"nowhere", module, false, false},
	} {
		if why := forbidden(tc.folder, tc.imported, tc.test); (why == "") != tc.ok {
			t.Errorf("%s imports %s (test %v): got %q, want allowed %v", tc.folder, tc.imported, tc.test, why, tc.ok)
		}
	}
}
