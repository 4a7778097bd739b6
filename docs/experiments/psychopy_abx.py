"""An ABX experiment on a stimulus set, in PsychoPy. Put this file into the folder of the set, beside

trials.csv   metameric set trials FOLDER --task abx --out FOLDER/trials.csv

and run it there: `python psychopy_abx.py`.
"""

from psychopy import core, data, event, visual

window = visual.Window(fullscr=True, units="pix", color=0)
text = visual.TextStim(window, height=24)
image = visual.ImageStim(window)


def interval(name, file):
    """Show an image for half a second, then the empty field."""
    image.image = file
    text.text, text.pos = name, (0, image.size[1] / 2 + 40)
    text.draw()
    image.draw()
    window.flip()
    core.wait(0.5)
    window.flip()
    core.wait(0.3)


def question(words, keys):
    """Show words until one of the keys is pressed; return the key and the seconds that it took."""
    text.text, text.pos = words, (0, 0)
    text.draw()
    window.flip()
    clock = core.Clock()
    ((key, seconds),) = event.waitKeys(keyList=keys, timeStamped=clock)[:1]
    return key, seconds


experiment = data.ExperimentHandler(name="abx", dataFileName="answers")
# The table is in random order already.
trials = data.TrialHandler(data.importConditions("trials.csv"), nReps=1, method="sequential", name="trials")
experiment.addLoop(trials)

question(f"{trials.nTotal} trials. Press space to begin.", ["space"])
for trial in trials:
    interval("A", trial["file_1"])
    interval("B", trial["file_2"])
    interval("X", trial["file_3"])
    key, seconds = question("Was X the same as A or B? Press A or B (Escape ends).", ["a", "b", "escape"])
    if key == "escape":
        break
    trials.addData("answer", key.upper())
    trials.addData("correct", key.upper() == trial["correct_answer"])
    trials.addData("seconds", seconds)
    experiment.nextEntry()

experiment.saveAsWideText("answers.csv")
window.close()
core.quit()
