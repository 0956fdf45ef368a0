"""How fast is it, beside a limit measured in the same run?"""
