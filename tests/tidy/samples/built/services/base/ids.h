// Empty.
#pragma once
