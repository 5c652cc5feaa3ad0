package worker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// parseResponse reads the body of an answer by HTTP to the event with an ID: one
// object, an array of them, or nothing.
func parseResponse(body []byte, id string) ([]answer, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil
	}
	if !utf8.Valid(body) {
		return nil, invalid(errors.New("not UTF-8"))
	}
	if !json.Valid(body) {
		return nil, invalid(errors.New("not JSON"))
	}
	var answers []answer
	var err error
	add := func(_, object gjson.Result) bool {
		var a answer
		switch a, err = readAnswer(object); {
		case err != nil:
		case len(answers) == maxAnswers:
			err = fmt.Errorf("more than %d objects", maxAnswers)
		case len(answers) > 0 && last(answers[len(answers)-1].kind):
			err = fmt.Errorf("%s stands behind %s, which is the last word", a.kind, answers[len(answers)-1].kind)
		case a.kind == kindHello || a.kind == kindPong:
			err = fmt.Errorf("%s has no place in an answer by HTTP", a.kind)
		case a.id != "" && a.id != id:
			err = errors.New(`its "id" is that of another event`)
		}
		answers = append(answers, a)
		return err == nil
	}
	if all := gjson.ParseBytes(body); all.IsArray() {
		all.ForEach(add)
	} else {
		add(gjson.Result{}, all)
	}
	if err != nil {
		return nil, invalid(err)
	}
	return answers, nil
}
