from ._png import save_png as save_png
