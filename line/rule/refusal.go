package rule

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Refusal is an answer in LINE's error form (Messaging API reference, "Error responses").
type Refusal struct {
	Status  int      `json:"-"`
	Message string   `json:"message"`
	Details []Detail `json:"details,omitempty"`
}

// Detail says what is wrong with a part of a request.
type Detail struct {
	Message  string `json:"message,omitempty"`
	Property string `json:"property,omitempty"` // its place, such as "messages[0].text"
}

func (e *Refusal) Error() string { return fmt.Sprintf("%d %s", e.Status, e.Message) }

// Refuse returns a [*Refusal] without details.
func Refuse(status int, message string) error { return &Refusal{Status: status, Message: message} }

// InBody is LINE's answer to a body whose values break rules. Without details it is nil.
func InBody(details []Detail) error {
	if len(details) == 0 {
		return nil
	}
	return &Refusal{
		Status: http.StatusBadRequest, Message: fmt.Sprintf("The request body has %d error(s)", len(details)),
		Details: details,
	}
}

// BadProperty is LINE's answer to a property that cannot be understood.
func BadProperty(name string) error {
	return Refuse(http.StatusBadRequest, "The property, "+name+", in the request body is invalid (line: -, column: -)")
}

// Decode reads a JSON body into v. Its error is LINE's answer to a body that cannot be read.
func Decode(body []byte, v any) error {
	err := json.Unmarshal(body, v)
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong) && wrong.Field != "":
		return BadProperty(wrong.Field)
	case errors.As(err, &syntax):
		line, column := position(body, syntax.Offset)
		return Refuse(http.StatusBadRequest,
			fmt.Sprintf("The request body could not be parsed as JSON (line: %d, column: %d)", line, column))
	}
	return Refuse(http.StatusBadRequest, "The request body could not be parsed as JSON (line: 1, column: 1)")
}

// position turns an offset in body into a line and a column, both from 1.
func position(body []byte, offset int64) (line, column int) {
	line, column = 1, 1
	for _, b := range body[:min(offset, int64(len(body)))] {
		if column++; b == '\n' {
			line, column = line+1, 1
		}
	}
	return line, column
}
