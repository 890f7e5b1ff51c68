import json, os, sys
# What an import prints is no answer.
answer = os.dup(1)
os.dup2(2, 1)
from ewokscore.task import Task
task = Task.get_subclass(sys.argv[1])
names = sorted(task.required_input_names()) + list(range(task.n_required_positional_inputs()))
os.write(answer, json.dumps(names).encode())
