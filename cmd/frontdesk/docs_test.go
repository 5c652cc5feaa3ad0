package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
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
