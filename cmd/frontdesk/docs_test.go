package main

import (
	"bytes"
	"cmp"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/line-frontdesk/frontdesk/linesim"
)

// TestConfigurationPage compares the page with what the program prints.
func TestConfigurationPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if code := run([]string{"config", "default"}, strings.NewReader(""), &out, os.Stderr, nil); code != 0 {
		t.Fatalf("config default: exit code %d", code)
	}
	if !strings.Contains(string(page), out.String()) {
		t.Error("docs/configuration.md does not hold the output of 'frontdesk config default': put it there")
	}
}

// TestSimulatorPage sets the faults and rates that the page shows.
func TestSimulatorPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/simulator.md")
	if err != nil {
		t.Fatal(err)
	}
	sim, err := linesim.New(linesim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, shown := range regexp.MustCompile("`(\\{[^`]*\\})`|'(\\{[^']*\\})' [^ ]*/(faults|rates)").FindAllStringSubmatch(string(page), -1) {
		body, what := shown[1]+shown[2], cmp.Or(shown[3], "faults")
		if strings.Contains(body, "…") || strings.Contains(body, `{"x":{}}`) {
			continue
		}
		tried++
		answer := httptest.NewRecorder()
		sim.ServeHTTP(answer, httptest.NewRequest(http.MethodPut, "/sim/"+what, strings.NewReader(body)))
		if answer.Code != http.StatusOK {
			t.Errorf("%s %s: status %d: %s", what, body, answer.Code, answer.Body)
		}
	}
	if tried < 15 {
		t.Errorf("only %d examples were found", tried)
	}
}

// TestCommandsOfPages asks the help of every command that a page shows: its
// name and its flags must be known.
func TestCommandsOfPages(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, name := range append(pages, "../../README.md") {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(page), "\\\n", "") // lines that go on
		for _, shown := range regexp.MustCompile(`(?m)^ *frontdesk ([^#&\n]+)`).FindAllStringSubmatch(text, -1) {
			args := append(strings.Fields(quoted.ReplaceAllString(shown[1], "x")), "--help")
			tried++
			var out bytes.Buffer
			if code := run(args, strings.NewReader(""), &out, &out, nil); code != exitOK || !strings.Contains(out.String(), "Usage:") {
				t.Errorf("%s: frontdesk %s: exit code %d: %s", filepath.Base(name), shown[1], code, out.String())
			}
		}
	}
	if tried < 10 {
		t.Errorf("only %d commands were found", tried)
	}
}

// quoted matches what a shell takes for one word.
var quoted = regexp.MustCompile(`'[^']*'|"[^"]*"`)
